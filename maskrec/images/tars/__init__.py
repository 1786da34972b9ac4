"""Tar shards, local and remote."""
