"""Photos as users give them, the faces in them, their mask state, and their embeddings."""
