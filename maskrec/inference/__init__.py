"""A trained model, opened and used.

``open_model.py`` opens networks (a run, an ONNX file, a model folder, a backbone), ``open_face_model.py`` opens them as
a ``FaceModel`` with verbs (``face_model.py``). ``photos/`` finds faces and embeds them, ``deciding/`` holds thresholds
and error rates, ``evaluating/`` asks evaluators, ``exported/`` writes and reads single files. ``embedder.py`` embeds
pair sets, for training as well.
"""
