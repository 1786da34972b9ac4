"""Sources of photos."""
