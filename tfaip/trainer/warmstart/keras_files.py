"""Weights in files of Keras: `.weights.h5`, `.keras`, the folder of an unpacked `.keras`, and `.h5`.

Only arrays are read. No model is made from the file, so nothing in it is run or imported, and the safe mode
of Keras is not touched; a file that carries code is refused all the same, as Keras would.
"""

import io
import json
import re
import zipfile
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import IO, Any

import h5py
import numpy as np

from tfaip.errors import UntrustedError
from tfaip.scenario.weight_names import unique
from tfaip.trainer.warmstart.loaded_weights import LoadedWeights, damaged

SUFFIXES = (".keras", ".h5", ".hdf5")
CONFIG = "config.json"
WEIGHTS = "model.weights.h5"
_LARGEST_RATIO = 100  # of what a file says it holds to its size; weights hardly shrink when packed


def read_keras_file(path: Path) -> LoadedWeights:
    """Return the weights of a file of Keras, or of a folder with the contents of a `.keras`.

    They are called by their full names in an old `.h5`, in the others by layer and number: `hidden/0`.
    """
    try:
        with _opened(path) as file:
            places = _places(file, path)
            shapes = {name: _checked_shape(file, place, path) for name, place in places.items()}
    except (OSError, ValueError, LookupError, RecursionError, zipfile.BadZipFile) as error:
        raise damaged(path, error) from error

    def read(names: Collection[str]) -> dict[str, np.ndarray]:
        try:
            with _opened(path) as file:
                return {name: np.asarray(file[places[name]]) for name in names}
        except (OSError, ValueError, LookupError) as error:
            raise damaged(path, error) from error

    return LoadedWeights(path, shapes, read)


def _opened(path: Path) -> h5py.File:
    """Open the HDF5 file with the weights, after a look for code."""
    if path.is_dir():
        _refuse_code((path / CONFIG).read_text(encoding="utf-8"), path)
        return h5py.File(path / WEIGHTS, "r")
    if zipfile.is_zipfile(path):
        return h5py.File(_unpacked(path), "r")
    file = h5py.File(path, "r")
    _refuse_code(file.attrs.get("model_config", "{}"), path)
    return file


def _unpacked(path: Path) -> IO[bytes]:
    """Return the weights in a `.keras` archive; nothing is written to disk."""
    with zipfile.ZipFile(path) as archive:
        members = [name.casefold() for name in archive.namelist()]
        for name in (CONFIG, WEIGHTS):
            if members.count(name) > 1:
                raise UntrustedError(
                    f"`{path}` holds `{name}` more than once, so that programs differ in what they see. "
                    "Nothing was loaded. Write the file anew with `save` of Keras."
                )
            if archive.getinfo(name).file_size > _LARGEST_RATIO * path.stat().st_size:
                raise _bomb(path, name)
        _refuse_code(archive.read(CONFIG), path)
        return io.BytesIO(archive.read(WEIGHTS))


def _refuse_code(config: str | bytes, path: Path) -> None:
    """Refuse a model with a lambda, which is stored as Python bytecode."""
    waiting: list[Any] = [json.loads(config)]
    while waiting:
        value = waiting.pop()
        if isinstance(value, dict):
            if value.get("class_name") == "__lambda__" or value.get("function_type") == "lambda":
                raise UntrustedError(
                    f"`{path}` carries Python code, a `Lambda` layer. It was not run and nothing was loaded. "
                    "Save only the weights of that model, with `save_weights('NAME.weights.h5')`."
                )
            waiting.extend(value.values())
        elif isinstance(value, list):
            waiting.extend(value)


# ---- names


def _places(file: h5py.File, path: Path) -> dict[str, str]:
    """Return where each weight is in the file, by its name."""
    group = _inside(file, "model_weights", path) or file
    if "layer_names" in group.attrs:
        return dict(_named_places(group, path))
    found = list(_numbered_places(file, (), path))
    return dict(zip(unique([name for name, _ in found]), (place for _, place in found), strict=True))


def _named_places(group: h5py.Group, path: Path) -> Iterator[tuple[str, str]]:
    """Yield the names and places of the old format: a list of layers, and a list of weights for each."""
    for layer in _attribute(group, "layer_names"):
        folder = _inside(group, layer, path)
        for weight in _attribute(folder, "weight_names"):
            yield weight.removesuffix(":0"), f"{folder.name}/{weight}"


def _numbered_places(group: h5py.Group, layers: tuple[str, ...], path: Path) -> Iterator[tuple[str, str]]:
    """Yield `layer/inner/0` and its place: below each layer is a group `vars`, which knows its name."""
    variables = _inside(group, "vars", path)
    if variables is not None and group.name != "/":  # the name of the model is no part of the names
        layers = (*layers, _text(variables.attrs.get("name", str(group.name).rpartition("/")[2])))
    for number in sorted(variables or [], key=_natural):
        yield "/".join([*layers, number]), f"{group.name}/vars/{number}"
    others = {"vars"} if layers else {"vars", "optimizer"}
    for name in sorted(set(group) - others, key=_natural):
        inner = _inside(group, name, path)
        if isinstance(inner, h5py.Group):
            yield from _numbered_places(inner, layers, path)


def _attribute(group: h5py.Group, name: str) -> list[str]:
    return [_text(value) for value in np.asarray(group.attrs[name])]


def _natural(name: str) -> list[Any]:
    """Sort `dense_2` before `dense_10`."""
    return [int(part) if part.isdigit() else part for part in re.split(r"(\d+)", name)]


def _text(value: Any) -> str:
    return value.decode("utf-8") if isinstance(value, bytes) else str(value)


# ---- what is no plain array


def _inside(group: h5py.Group, place: str, path: Path) -> Any:
    """Return what is at `place` below `group`, `None` if there is nothing; links are not followed."""
    found: Any = group
    for name in place.strip("/").split("/"):
        link = found.get(name, getlink=True)
        if link is None:
            return None
        if not isinstance(link, h5py.HardLink):
            raise _elsewhere(path, place)
        found = found[name]
    return found


def _checked_shape(file: h5py.File, place: str, path: Path) -> tuple[int, ...]:
    """Return the shape of an array; refuse what lies outside of the file, and what it can not hold."""
    array = _inside(file, place, path)
    if not isinstance(array, h5py.Dataset) or array.is_virtual or array.external:
        raise _elsewhere(path, place)
    if array.nbytes > _LARGEST_RATIO * file.id.get_filesize():
        raise _bomb(path, place)
    return tuple(array.shape)


def _elsewhere(path: Path, place: str) -> UntrustedError:
    return UntrustedError(
        f"`{place}` in `{path}` is no array of that file but a link to elsewhere. Nothing was loaded. Write "
        "the file anew with `save_weights` of Keras."
    )


def _bomb(path: Path, place: str) -> UntrustedError:
    return UntrustedError(
        f"`{place}` in `{path}` would be more than {_LARGEST_RATIO} times as large as the file. Nothing was "
        "loaded. Write the file anew with `save_weights` of Keras."
    )
