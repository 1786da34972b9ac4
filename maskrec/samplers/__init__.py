"""Built-in samplers: in which order and batches a data set is read."""
