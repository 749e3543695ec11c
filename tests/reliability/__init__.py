"""Kills, faults and restarts, and what tells whether anything was lost."""
