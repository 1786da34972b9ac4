"""Galleries: people enrolled with photos, kept in one file.

``gallery_file.py`` is the file; ``gallery_schema.py`` says what is in it, ``gallery_connection.py`` opens it safely,
``row_blocks.py`` holds faces in blocks, ``removing_people.py`` removes them without a trace. ``enrolled.py`` has the
types that all of them speak.

``gallery.py`` is what users call. ``enrolling.py`` turns photos into faces, ``photo_search.py`` into answers
(``search_answer.py``): ``loaded_gallery.py`` holds the faces in memory, ``row_index.py`` finds the nearest people,
``pair_scoring.py`` scores them, ``search_risk.py`` decides and ``search_refusal.py`` says what cannot be decided.
"""
