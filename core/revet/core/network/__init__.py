"""What NetworkPolicies depend on in a cluster: read from its objects, and told in values."""
