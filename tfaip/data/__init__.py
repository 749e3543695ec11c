"""From a file name to a batch."""
