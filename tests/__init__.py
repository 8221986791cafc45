"""Tests of Revet."""
