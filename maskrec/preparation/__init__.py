"""Data sets made from photos: align, mask, pair, check, show, pack and embed."""
