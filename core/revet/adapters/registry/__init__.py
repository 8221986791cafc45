"""Container registries, read-only: digest-checked, size-capped, and only those that are named."""
