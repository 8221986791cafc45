"""A real Kubernetes control plane for tests and demos, built from Go modules; no Docker."""
