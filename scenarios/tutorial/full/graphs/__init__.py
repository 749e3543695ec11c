"""The layers of the full tutorial; heavy."""
