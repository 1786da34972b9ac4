"""Built-in data sets of labelled faces to train on."""
