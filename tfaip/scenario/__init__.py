"""One task: params, data and model, and the way to everything that runs it."""
