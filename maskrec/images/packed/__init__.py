"""Many faces in a few files mapped into memory."""
