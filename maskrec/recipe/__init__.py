"""Recipes: reading, layering and checking them into a plan."""
