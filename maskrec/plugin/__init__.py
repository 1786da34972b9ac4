"""Plugins: components and hooks, how they are found, loaded and checked, and the catalog of them."""
