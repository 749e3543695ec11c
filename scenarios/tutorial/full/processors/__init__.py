"""What happens to a sample before it enters a batch."""
