"""Label: Python itself has it since 3.11."""

from contextlib import chdir as ChDir  # noqa: F401, N812 - the name of tfaip 1.x
