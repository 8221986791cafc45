"""The operator's room; nothing is built in it yet."""
