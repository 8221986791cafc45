"""Measures our webhook beside Go ones, on one machine in the same minutes: `python -m bench`."""
