"""The demo: a story told on a real API server, each step held to what it tells."""
