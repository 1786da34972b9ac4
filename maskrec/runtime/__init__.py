"""Shared by training and inference: building components, devices, loading, model input, checkpoint files, run folders.

``weight_files.py`` writes and reads checkpoints with their thresholds, ``run_plan.py`` the plan of a run that exists.
"""
