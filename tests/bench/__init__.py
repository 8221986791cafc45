"""Tests of the measuring tools that need no cluster."""
