"""cosign itself, built from its module: it signs what we verify, and verifies what we made."""
