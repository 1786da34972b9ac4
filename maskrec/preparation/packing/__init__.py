"""Packing many faces into a few files."""
