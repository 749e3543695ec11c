"""What happens around epochs and steps: progress, checkpoints, logs, stopping."""
