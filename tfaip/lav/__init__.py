"""Load and validate: an exported model and labelled samples give numbers."""
