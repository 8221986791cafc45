"""The command line, `revet`."""
