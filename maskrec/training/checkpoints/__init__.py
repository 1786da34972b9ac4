"""The state of a run: written, chosen, read and brought back, on any number of processes."""
