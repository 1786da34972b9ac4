"""Built-in observers: what is recorded, drawn or stopped during a run."""
