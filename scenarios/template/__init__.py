"""Scenarios to copy: `python -m scenarios.template.new my_task`."""
