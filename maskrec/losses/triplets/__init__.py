"""The loss over triplets: distances, miners, and a memory of past steps."""
