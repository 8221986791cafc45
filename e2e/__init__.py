"""End-to-end tests: the project against a real Kubernetes API server."""
