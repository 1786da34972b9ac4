"""Knows nothing of faces or recipes: errors, files and locks, console, progress, words, random numbers, turns."""
