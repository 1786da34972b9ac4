"""The contracts between the core and the components; nothing here imports torch when imported."""
