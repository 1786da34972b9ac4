"""Photos to faces with five landmarks."""
