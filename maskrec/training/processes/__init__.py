"""Several processes of one run: how they meet, agree and end."""
