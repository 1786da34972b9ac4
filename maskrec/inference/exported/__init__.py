"""Models as one file: written, checked before it is run, and run without torch."""
