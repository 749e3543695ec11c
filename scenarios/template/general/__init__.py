"""A template: is the mean of some numbers above a half? Every place to change is marked with CHANGE."""
