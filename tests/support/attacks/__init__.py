"""The attack list: each row of tests/data/attacks.yaml as something that is done and seen."""
