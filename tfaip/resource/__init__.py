"""Files that a model needs to run elsewhere."""
