"""Face detection and alignment to one canvas."""
