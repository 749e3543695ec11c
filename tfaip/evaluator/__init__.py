"""Metrics over whole samples, after post-processing."""
