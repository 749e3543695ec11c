"""Recognise images of digits: once in the fewest lines, once with every feature."""
