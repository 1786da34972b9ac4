"""The conditions of a pair of faces, by how many of them wear a mask."""

CONDITIONS = ("bare", "one_masked", "both_masked")
