"""Masked copies of faces."""
