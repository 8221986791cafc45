"""Tests of the webhook room."""
