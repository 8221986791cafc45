"""Tests of revet.verify."""
