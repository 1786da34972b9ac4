"""Heads: the class centres, and what is reduced over all classes; ``docs/heads.md``."""
