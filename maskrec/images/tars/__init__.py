"""Tar shards, on this disk and elsewhere."""
