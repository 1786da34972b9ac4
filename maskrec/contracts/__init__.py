"""The contracts between the core and the components; only ``collectives`` and ``call_loss`` in it import torch."""
