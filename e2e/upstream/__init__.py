"""Upstream's own suite of the Pod Security Standards, run against our webhook on an API server."""
