"""Losses.

``heads`` compare embeddings with class centres, ``margins`` has the margins and the losses made with them, ``triplets``
the loss over triplets with its miners. ``classifier`` and ``margin_softmax`` put margin, criterion (``criteria``) and
head together.
"""
