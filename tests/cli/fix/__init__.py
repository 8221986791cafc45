"""Tests of what `revet check --fix` writes into files."""
