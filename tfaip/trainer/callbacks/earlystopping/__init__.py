"""Which model is the best, and when a training ends early."""
