"""What the core and components say to each other; nothing here imports torch when imported."""
