"""InsightFace's .rec and .bin files, read without running anything in them."""
