"""What a run says of itself: rows, events for observers, the display, recipe and provenance."""
