"""A dataclass becomes command-line flags and a JSON file, and comes back."""
