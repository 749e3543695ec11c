"""A template: classes of images that are named in list files. Every place to change is marked with CHANGE."""
