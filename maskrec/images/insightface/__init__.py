"""InsightFace's .rec and .bin files, read without running any code in them."""
