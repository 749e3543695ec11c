"""String enums: compare, print and serialise by value."""

from enum import Enum


class StrEnum(str, Enum):  # noqa: UP042 - what scenarios derive from must be both
    """An enum whose members are strings, so that JSON writes and reads their value."""

    def __str__(self) -> str:
        return str(self.value)
