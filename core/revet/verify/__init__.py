"""Says what was signed about an image, by whom and when; what a registry says is never believed."""
