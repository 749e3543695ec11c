"""The story of a training, with its callbacks, optimizers, schedules and warm start."""
