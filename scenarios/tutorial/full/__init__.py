"""The full tutorial: every part of a scenario, each in a file of its own."""
