"""Built-in transforms of batches of faces, masks among them."""
