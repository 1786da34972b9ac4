"""Finding faces and bringing them to one canvas."""
