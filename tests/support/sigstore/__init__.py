"""A Sigstore of the tests' own: authorities, logs and signers, whose products may be bent."""
