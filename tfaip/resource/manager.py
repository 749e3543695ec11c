"""The resources among params: find them, resolve their paths, copy them to an export."""

import os
import shutil
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import Field, dataclass, fields, is_dataclass
from pathlib import Path
from typing import Any

from tfaip.errors import StorageError, UntrustedError, UsageError
from tfaip.resource.resource import RESOURCE_ID, Resource

Location = tuple[str | int, ...]  # keys and indices that lead to a value in nested dicts and lists


@dataclass
class _Entry:
    resource: Resource
    location: Location


class ResourceManager:
    """Knows the resources of one data object by their id."""

    def __init__(self, working_dir: str, dump_prefix_dir: str = "resources") -> None:
        """Resolve relative paths below `working_dir`, and export to `dump_prefix_dir`."""
        self._working_dir = os.path.abspath(working_dir)
        self._dump_prefix_dir = dump_prefix_dir
        self._entries: dict[str, _Entry] = {}

    def register_all(self, params: Any, recursive: bool = True, prefixes: Location = ()) -> None:
        """Register each resource among the fields of `params`, and below if `recursive`."""
        for field in fields(params):
            self.register_field_value(field, getattr(params, field.name), prefixes, recursive)

    def register_field_value(
        self, field: "Field[Any]", value: Any, prefixes: Location, recursive: bool = True
    ) -> None:
        """Register the resources that the value of a field holds: itself, its items, its fields."""
        location = (*prefixes, field.name)
        if isinstance(value, Resource):
            self._register_at(field.metadata.get(RESOURCE_ID) or field.name, value, location)
        elif is_dataclass(value) and not isinstance(value, type):
            if recursive:
                self.register_all(value, prefixes=location)
        else:
            for key, item in _items_of(value):
                if isinstance(item, Resource):
                    self._register_at(f"{field.name}.{key}", item, (*location, key))
                elif is_dataclass(item) and not isinstance(item, type) and recursive:
                    self.register_all(item, prefixes=(*location, key))

    def register(self, r_id: str, resource: Resource, prefixes: Location) -> None:
        """Register `resource`, the field `r_id` of the params that `prefixes` lead to, and resolve it.

        Raises:
            KeyError: if the id is taken.
            UntrustedError: if params that were read from a directory point outside of it.
        """
        self._add(r_id, resource, (*prefixes, r_id))

    def get(self, resource_id: str) -> Resource:
        """Return the resource with this id."""
        return self._entries[resource_id].resource

    def items(self) -> Iterable[tuple[str, Resource]]:
        """Return all ids and resources."""
        return [(r_id, entry.resource) for r_id, entry in self._entries.items()]

    def remove(self, res: Resource | str) -> None:
        """Forget a resource, given itself or its id."""
        ids = [i for i, entry in self._entries.items() if entry.resource is res or i == res]
        if not ids:
            raise KeyError(f"no resource {res!r}, there are {sorted(self._entries)}")
        for r_id in ids:
            del self._entries[r_id]

    def __contains__(self, res: Resource | str) -> bool:
        return any(entry.resource is res or i == res for i, entry in self._entries.items())

    def dump(self, location: str, dump_dict: dict[str, Any] | None = None) -> None:
        """Copy all resources below `location`; no two share a path there.

        Args:
            location: The directory of the export.
            dump_dict: The params as a dict; the paths in it become relative to `location`.
        """
        taken: set[str] = set()
        for r_id, entry in self._entries.items():
            resource = entry.resource
            resource.dump_dir = _free_dir(r_id, resource.basename, taken)
            resource.dump_path = _joined(self._dump_prefix_dir, resource.dump_dir, resource.basename)
            resource.abs_dump_path = os.path.join(os.path.abspath(location), resource.dump_path)
            _copy(r_id, str(resource), resource.abs_dump_path)
        if dump_dict is not None:
            self.convert_to_dump_dict(dump_dict)

    def convert_to_dump_dict(self, struct: dict[str, Any]) -> dict[str, Any]:
        """Write the exported paths into the params dict `struct`, and return it."""
        for r_id, entry in self._entries.items():
            self.assign_to_dict_struct(r_id, struct, entry.resource.dump_path)
        struct["resource_base_path"] = "."
        return struct

    def assign_to_dict_struct(self, r_id: str, struct: dict[str, Any], value: Any) -> None:
        """Set the value of the resource `r_id` in the params dict `struct`."""
        *parents, last = self._entries[r_id].location
        node: Any = struct
        for key in parents:
            node = node[key]
        node[last] = value

    def _register_at(self, r_id: str, resource: Resource, location: Location) -> None:
        if r_id in self._entries and any(isinstance(key, int) for key in location):
            # Two items of a list, such as the same processor twice, differ only in their place.
            r_id = ".".join(map(str, location))
        self._add(r_id, resource, location)

    def _add(self, r_id: str, resource: Resource, location: Location) -> None:
        if "/" in r_id:
            raise UsageError(f"a resource may not have the id `{r_id}`: it holds a `/`.")
        if r_id in self._entries:
            raise KeyError(
                f"two resources are called {r_id}; give one of them another `resource_id` in `resource_field`"
            )
        resource.abs_path = self._resolved(r_id, resource.initial_path)
        self._entries[r_id] = _Entry(resource, location)

    def _resolved(self, r_id: str, path: str) -> str:
        resolved = os.path.abspath(os.path.join(self._working_dir, path))
        # Below the current directory the paths are the user's own; elsewhere they came with a model.
        is_own = os.path.isabs(path) or self._working_dir == os.getcwd()
        if not is_own and not _is_below(resolved, self._working_dir):
            raise UntrustedError(
                f"the resource `{r_id}` of the model in `{self._working_dir}` points outside of it, to "
                f"`{path}`. If you trust it, give the absolute path instead."
            )
        return resolved


def _items_of(value: Any) -> Iterator[tuple[str | int, Any]]:
    if isinstance(value, Mapping):
        yield from value.items()
    elif isinstance(value, list | tuple):
        yield from enumerate(value)


def _is_below(path: str, root: str) -> bool:
    return os.path.commonpath([path, root]) == root


def _free_dir(r_id: str, basename: str, taken: set[str]) -> str:
    """Return a folder in which no other resource is called `basename`: none, or one named by the id."""
    dump_dir = ""
    number = 0
    while _joined(dump_dir, basename).split("/")[0] in taken:
        number += 1
        dump_dir = r_id if number == 1 else f"{r_id}.{number}"
    taken.add(_joined(dump_dir, basename).split("/")[0])
    return dump_dir


def _joined(*parts: str) -> str:
    # With `/` on every system: the path is stored in a file that travels.
    return "/".join(part for part in parts if part)


def _copy(r_id: str, source: str, target: str) -> None:
    if os.path.exists(target) and os.path.samefile(source, target):
        return
    try:
        os.makedirs(os.path.dirname(target), exist_ok=True)
        if Path(source).is_dir():
            shutil.copytree(source, target, dirs_exist_ok=True)
        else:
            shutil.copy2(source, target)
    except OSError as error:
        raise StorageError(
            f"the resource `{r_id}` could not be copied from `{source}` to `{target}`: "
            f"{error.strerror or error}. Correct its path in the data params."
        ) from error
