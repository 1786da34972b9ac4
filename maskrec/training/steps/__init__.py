"""One optimizer step: batches, forward and backward pass, gradients, and what leaves a step out."""
