"""Where would Python find a module? Answered without importing it or the packages around it."""

import os
import pkgutil
import sys
from importlib.machinery import ModuleSpec
from pathlib import Path

_PARAMS = "trainer_params.json"


def search_working_directory() -> None:
    """Let Python find modules in the working directory, after all other places."""
    folder = os.getcwd()
    if folder not in sys.path and "" not in sys.path:
        sys.path.append(folder)


def find_module(name: str, folders: list[str] | None = None) -> Path | None:
    """Return the file of the module `name`, the folder of a package without one; nothing is imported.

    Args:
        name: The name of the module.
        folders: Where to look; `None`: on Python's path.

    Returns:
        None: if there is no such module, or it is a part of Python itself.
    """
    place = None
    parts = name.split(".")
    if not all(parts):
        return None
    for end in range(1, len(parts) + 1):
        place, folders = _find(".".join(parts[:end]), folders)
        if folders is None and end < len(parts):  # no package
            return None
    return None if place is None else Path(place).resolve()


def untrusted_place(module: str, place: Path | None, source: str | None) -> str:
    """Return why a file may not name `module`, judged by where it lies; empty if it may.

    Args:
        module: The name of a module.
        place: Its file or folder.
        source: The file that names it.
    """
    if place is None:
        return ""
    if folder := model_folder_around(place, source):
        return f"`{module}` lies in the folder of the model, `{folder}`"
    if is_found_in_working_directory(module, place):
        return f"`{module}` lies in the working directory"
    return ""


def model_folder_around(place: Path, source: str | None) -> Path | None:
    """Return the folder of the file of params `source`, or of its training, if `place` is in it."""
    return next((folder for folder in _folders_of_model(source) if place.is_relative_to(folder)), None)


def _find(name: str, folders: list[str] | None) -> tuple[str | None, list[str] | None]:
    """Return the place of a module, and the folders of what is in it if it is a package.

    Args:
        name: The name of the module.
        folders: Those of the package around it; `None`: Python's path.
    """
    loaded = sys.modules.get(name)
    if loaded is not None:
        inside = list(getattr(loaded, "__path__", [])) or None
        return getattr(loaded, "__file__", None) or (inside[0] if inside else None), inside
    spec = _spec_on_path(name) if folders is None else _spec_in(folders, name)
    if spec is None:
        return None, None
    inside = spec.submodule_search_locations
    inside = None if inside is None else list(inside)
    return (spec.origin if spec.has_location else inside[0] if inside else None), inside


def _spec_on_path(name: str) -> ModuleSpec | None:
    found = (finder.find_spec(name, None) for finder in sys.meta_path)
    return next((spec for spec in found if spec is not None), None)


def _spec_in(folders: list[str], name: str) -> ModuleSpec | None:
    """Return where a module in `folders` is; `PathFinder` finds it only if what is around is imported."""
    parts = []
    for finder in filter(None, map(pkgutil.get_importer, folders)):
        spec = finder.find_spec(name)
        if spec is not None and spec.loader is not None:
            return spec
        parts += [] if spec is None else spec.submodule_search_locations or []
    if not parts:
        return None
    spec = ModuleSpec(name, None, is_package=True)
    spec.submodule_search_locations = parts
    return spec


def _folders_of_model(source: str | None) -> list[Path]:
    """Return the folder of a file of params, and the one around it if that is the output of a training."""
    if source is None:
        return []
    path = Path(source).resolve()
    folder = path if path.is_dir() else path.parent
    return [folder, *([folder.parent] if (folder.parent / _PARAMS).exists() else [])]


def is_found_in_working_directory(module: str, place: Path) -> bool:
    """Return whether `module` is found only because somebody stands in its folder."""
    here = Path.cwd().resolve()
    if not place.is_relative_to(here):
        return False
    root = here / module.partition(".")[0]
    return (place == root.with_suffix(".py") or place.is_relative_to(root)) and not _is_on_path(here)


def _is_on_path(folder: Path) -> bool:
    """Return whether `folder` is on Python's path by more than being the working directory.

    `python -m` and `python -c` put the working directory first.
    """
    # Python's first entry is that folder, unless it was started with `-P`, or with a script: then it is the
    # folder of the script, whose owner put the modules beside it.
    main = sys.modules.get("__main__")
    is_script = hasattr(main, "__file__") and getattr(main, "__spec__", None) is None
    paths = sys.path if sys.flags.safe_path or is_script else sys.path[1:]
    return any(path and Path(path).resolve() == folder for path in paths)
