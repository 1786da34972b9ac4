"""Galleries: people enrolled with photos, kept in one file.

``gallery_file.py`` is the file and its verbs, ``enrolled.py`` the types that all speak, ``model_fingerprint.py`` says
which model its rows are of. Below the file: ``new_galleries.py`` makes it, ``gallery_header.py``,
``gallery_schema.py`` and ``gallery_connection.py`` open it without trusting it, ``gallery_errors.py`` says what is
wrong with it; ``row_blocks.py`` holds faces in blocks, which ``adding_faces.py`` (with ``person_names.py``),
``gallery_reading.py`` and ``removing_people.py`` write and read.
"""
