"""What the core and components say to each other; only ``collectives`` and ``call_loss`` in it import torch."""
