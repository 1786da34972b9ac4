"""Galleries: people enrolled with photos, kept in one file.

``gallery_file.py`` is the file; ``gallery_schema.py`` says what is in it, ``gallery_connection.py`` opens it safely,
``row_blocks.py`` holds faces in blocks, ``removing_people.py`` removes them without a trace. ``enrolled.py`` has the
types that all of them speak.
"""
