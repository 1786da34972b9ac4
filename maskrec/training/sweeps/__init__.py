"""Sweeps: many runs of one recipe with different values, and the table of their results."""
