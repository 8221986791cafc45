"""Tests of revet.adapters: I/O against real servers on loopback."""
