"""How a plan is trained: built, run, saved, resumed, evaluated."""
