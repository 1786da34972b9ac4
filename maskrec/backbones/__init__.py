"""Built-in networks that turn faces into embeddings."""
