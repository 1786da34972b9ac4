"""Galleries: people enrolled with photos, kept in one file.

``gallery_file.py`` is the file and its verbs, ``enrolled.py`` the types that all speak, ``model_fingerprint.py`` says
which model its rows are of. Below the file: ``new_galleries.py`` makes it, ``gallery_header.py``,
``gallery_schema.py`` and ``gallery_connection.py`` open it without trusting it, ``gallery_errors.py`` says what is
wrong with it; ``row_blocks.py`` holds faces in blocks, which ``adding_faces.py`` (with ``person_names.py``),
``gallery_reading.py`` and ``removing_people.py`` write and read.

``gallery.py`` is what users call. ``enrolling.py`` turns photos into faces, which are compared with those of
``near_faces.py`` (``repeated_photos.py`` refuses what is there already, ``enrolment_notes.py`` says what to look at);
``photo_search.py`` turns photos into answers (``search_answer.py``): ``loaded_gallery.py`` holds faces in memory,
``row_index.py`` finds the nearest people, ``likely_people.py`` and ``pair_scoring.py`` score them, ``search_risk.py``
decides, and ``search_refusal.py`` says what cannot be decided. ``grouped_photos.py`` groups unknown faces.

``rebuilding_gallery.py`` rebuilds a gallery for another model, from kept photos and those of ``photo_folder.py``;
``rebuilt_gallery.py`` says who must come again.
"""
