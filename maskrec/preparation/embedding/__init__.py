"""``maskrec embed``: the faces of any photos as rows of numbers (``embedding_job.py``), written to one file."""
