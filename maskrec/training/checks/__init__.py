"""What is looked at before anything is trained, and what is noted; ``assemble.py`` and ``dry_run.py`` ask."""
