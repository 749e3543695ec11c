"""What happens to a sample between its source and its batch."""
