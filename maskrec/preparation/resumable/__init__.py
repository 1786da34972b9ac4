"""Resumable work in fixed groups."""
