"""Built-in evaluators, and the tables and figures that they share."""
