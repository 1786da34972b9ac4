"""Margins on the cosine to a sample's class, and the losses named after them: a paper a module.

``contracts.margin`` says what a margin must do, ``named_margin_loss`` what the losses share.
"""
