"""Start a training from the weights of another one."""
