"""Margins on the cosine to a sample's class."""
