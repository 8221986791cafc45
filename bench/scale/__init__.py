"""Measures the operator at the scale of a platform: `python -m bench.scale`."""
