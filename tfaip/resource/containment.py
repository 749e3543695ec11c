"""The resources of a model that came from elsewhere: all of them must lie in its folder."""

import ntpath
import os
from collections.abc import Iterator, Mapping
from dataclasses import fields, is_dataclass
from pathlib import Path
from typing import Any, NoReturn

from tfaip.errors import UntrustedError
from tfaip.resource.resource import Resource


def check_resources(params: Any, folder: str | os.PathLike[str]) -> None:
    """Raise unless all resources among `params` are files and folders in `folder`; links are followed.

    Raises:
        UntrustedError: One is elsewhere. Nothing of it was read.
    """
    root = Path(folder).resolve()
    for name, resource in _resources_in(params, ""):
        _check(name, resource.initial_path, root)


def _check(name: str, path: str, root: Path) -> None:
    # Paths of all systems, for exports travel.
    drive, rest = ntpath.splitdrive(path)
    if drive or rest[:1] in ("/", "\\") or "\0" in path or ntpath.normpath(rest).startswith(".."):
        _refuse(name, path, root)
    place = root / path
    if not place.resolve().is_relative_to(root):
        _refuse(name, path, root)
    for link in _links_in(place):
        if not link.resolve().is_relative_to(root):
            _refuse(name, str(link.relative_to(root)), root)


def _links_in(folder: Path) -> Iterator[Path]:
    for parent, folders, files in os.walk(folder):
        yield from (path for name in (*folders, *files) if (path := Path(parent, name)).is_symlink())


def _refuse(name: str, path: str, root: Path) -> NoReturn:
    raise UntrustedError(
        f"The resource `{name}` of the model in `{root}` is {path!r}, outside of that folder. It was not "
        "read. If you trust it, put a copy into the folder, and its relative path into the parameters."
    )


def _resources_in(value: Any, name: str) -> Iterator[tuple[str, Resource]]:
    if isinstance(value, Resource):
        yield name, value
    elif is_dataclass(value) and not isinstance(value, type):
        for field in fields(value):
            yield from _resources_in(getattr(value, field.name), f"{name}.{field.name}".lstrip("."))
    elif isinstance(value, Mapping):
        for key, item in value.items():
            yield from _resources_in(item, f"{name}.{key}".lstrip("."))
    elif isinstance(value, list | tuple | set):
        for number, item in enumerate(value):
            yield from _resources_in(item, f"{name}.{number}")
