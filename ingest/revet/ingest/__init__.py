"""The ingest of runtime events: takes them from sensors, and hands findings to the operator."""
