"""Python processes that work on items; knows nothing of samples."""
