"""The programs: one file each. `run` is what the shell starts, `main` what Python code calls."""
