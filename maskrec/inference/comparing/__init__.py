"""Models compared on the same pairs: ``maskrec compare``."""
