"""Evaluators asked about a model that exists: ``maskrec evaluate``, and what training shares with it. In order:

1. ``evaluated_subject.py`` opens the model.
2. ``chosen_evaluations.py`` reads the evaluations of the named file, or the model's own.
3. ``evaluating_model.py`` measures the model with them: it uses 4 to 6, shows the tables and writes the model folder.
4. ``prepared_evaluation.py`` calls ``building_evaluators.py`` and says what the user should know before anything runs.
5. ``building_evaluators.py`` builds the evaluators with their pair sets, and checks the people in these.
6. ``asking_evaluators.py`` asks each evaluator, and holds its answer to what it declared; training uses it too.
"""
