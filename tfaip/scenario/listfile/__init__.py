"""Scenarios whose samples are the lines of text files, for example one file name a line."""
