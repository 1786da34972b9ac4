"""Opens a trained model (``open_model.py``) and computes embeddings (``embedder.py``)."""
