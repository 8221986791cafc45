"""What the operator writes, as plain manifests built fresh from policies."""
