"""A registry that cosign can push to: go-containerregistry's, over TLS."""
