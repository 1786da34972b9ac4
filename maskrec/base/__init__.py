"""No domain in it: errors, files and locks, the console, words, counter-based random numbers."""
