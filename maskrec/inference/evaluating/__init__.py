"""Evaluators asked about a model that exists: ``maskrec evaluate``, and what training shares with it."""
