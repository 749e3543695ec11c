"""What a run measures about itself."""
