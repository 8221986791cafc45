"""Upstream's verdicts on pods, from the Go program of this folder."""
