"""A file or directory that a model needs, and that is exported with it."""

import os
from dataclasses import field
from typing import Any

from dataclasses_json import config
from paiargparse import pai_meta

RESOURCE_ID = "resource_id"

_FIELD_ARGUMENTS = {"default", "default_factory", "init", "repr", "hash", "compare", "kw_only"}


class Resource:
    """The path of a file or directory among the params of the data.

    Fields: `initial_path` is the path as it was given and is stored; `abs_path` is where it lies, known after
    the data registered it; `dump_dir`, `dump_path` and `abs_dump_path` are where the last export put it.
    """

    @staticmethod
    def encode(r: "Resource | str | None") -> str | None:
        """Return the path that is stored in JSON."""
        return r.initial_path if isinstance(r, Resource) else r

    @staticmethod
    def decode(r: "Resource | str | None") -> "Resource | None":
        """Return the resource at a path that was stored in JSON."""
        return Resource(r) if isinstance(r, str) else r

    def __init__(self, initial_path: str) -> None:
        self.initial_path = os.fspath(initial_path)
        self.abs_path: str | None = None
        self.dump_dir = ""
        self.dump_path: str | None = None
        self.abs_dump_path: str | None = None

    @property
    def basename(self) -> str:
        """The last part of the path."""
        return os.path.basename(os.path.normpath(self.initial_path))

    def __fspath__(self) -> str:
        return self.initial_path if self.abs_path is None else self.abs_path

    def __str__(self) -> str:
        return self.__fspath__()

    def __repr__(self) -> str:
        return f"Resource({self.initial_path!r})"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Resource) and self.initial_path == other.initial_path

    def __hash__(self) -> int:
        return hash(self.initial_path)


def resource_field(*, resource_id: str | None = None, **kwargs: Any) -> Any:
    """Return a dataclass field for a `Resource`.

    Args:
        resource_id: The name under which it is registered; by default that of the field.
        kwargs: Arguments of `dataclasses.field` (`default`) and of `pai_meta` (`help`, `mode`).

    Example:
        >>> codec: Optional[Resource] = resource_field(default=None, help="The characters, one in a line.")
    """
    of_field = {name: kwargs.pop(name) for name in list(kwargs) if name in _FIELD_ARGUMENTS}
    own = {} if resource_id is None else {RESOURCE_ID: resource_id}
    metadata = {
        **kwargs.pop("metadata", {}),
        **pai_meta(**kwargs),
        **config(encoder=Resource.encode, decoder=Resource.decode),
        **own,
    }
    return field(metadata=metadata, **of_field)
