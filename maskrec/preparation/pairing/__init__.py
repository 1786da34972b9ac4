"""People divided into splits, and pairs of them."""
