"""Many faces in a few memory-mapped files."""
