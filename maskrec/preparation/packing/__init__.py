"""Many faces into a few files."""
