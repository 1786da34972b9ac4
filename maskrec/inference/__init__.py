"""A trained model that is used: opened, and asked to embed."""
