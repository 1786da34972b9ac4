"""Built-in pair sets: pairs of photos of one person or of two, to evaluate on."""
