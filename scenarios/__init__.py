"""Runnable examples; see README.md beside this file."""
