"""Files and folders that are written whole or not at all."""

import contextlib
import ctypes
import glob
import json
import math
import os
import re
import shutil
import tempfile
from collections.abc import Collection, Iterator
from fnmatch import fnmatch
from pathlib import Path
from typing import Any

from tfaip.errors import StorageError

_FLOAT_KEY = "__float__"  # JSON has no NaN and no infinity
_AT_FDCWD, _RENAME_EXCHANGE = -100, 2  # of Linux: paths as they are, and both change places


def write_json(path: Path, content: Any) -> None:
    """Write `content` as JSON with an indent of 2; a reader sees the old file or the new one.

    Floats that JSON does not know are written as `{"__float__": "nan"}`, which `parse_json` reads.
    """
    write_text(path, json_text(content))


def json_text(content: Any) -> str:
    """Return what `write_json` writes."""
    return json.dumps(_strict(content), indent=2, ensure_ascii=False, allow_nan=False)


def parse_json(text: str) -> Any:
    """Return what `write_json` wrote."""
    return json.loads(text, object_hook=with_float)


def write_text(path: Path, text: str) -> None:
    """Write `text` beside `path`, flush it to disk, and rename it to `path`."""
    path = Path(path)
    with _reported(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, temporary = tempfile.mkstemp(prefix=f".{path.name}.", suffix=".tmp", dir=path.parent)
        try:
            with os.fdopen(handle, "w", encoding="utf-8") as file:
                file.write(text)
                os.chmod(temporary, 0o666 & ~_umask())  # it is made for its owner only
                file.flush()
                os.fsync(file.fileno())
            os.replace(temporary, path)
        except BaseException:
            Path(temporary).unlink(missing_ok=True)
            raise
        flush_dir(path.parent)


def remove_temporary(path: Path) -> None:
    """Remove what a kill left of a `write_text` to `path`; nobody else may be writing to it."""
    for temporary in Path(path).parent.glob(f".{glob.escape(Path(path).name)}.*.tmp"):
        temporary.unlink(missing_ok=True)


def replace_file(new: Path, path: Path) -> None:
    """Flush the file `new` to disk and rename it to `path`, which must be in the same folder."""
    with new.open("rb") as file:
        os.fsync(file.fileno())
    os.replace(new, path)
    flush_dir(path.parent)


@contextlib.contextmanager
def path_without_patterns(folder: Path) -> Iterator[Path]:
    """Give a path to `folder` in which TensorFlow's reader of checkpoints sees no pattern such as `[a]`."""
    if not re.search(r"[*?\[\]\\]", str(folder.absolute())):
        yield folder
        return
    with tempfile.TemporaryDirectory() as temporary:
        link = Path(temporary) / "checkpoint"
        link.symlink_to(folder.absolute(), target_is_directory=True)
        yield link


@contextlib.contextmanager
def replaced_dir(path: Path, *, outdated: Collection[str] = ()) -> Iterator[Path]:
    """Give an empty folder beside `path`; after the block it takes the place of `path`.

    If the block fails, `path` is as it was. All files are flushed to disk before the exchange. Entries of
    `path` that the new folder lacks stay, unless their names match a pattern of `outdated`; if there are
    folders among them, the new entries are exchanged one by one. A link stays, and its target is replaced.
    """
    path = Path(path).resolve() if Path(path).is_symlink() else Path(path)
    with _reported(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        _remove_leftovers(path)
        new = Path(tempfile.mkdtemp(prefix=f".{path.name}.new.", dir=path.parent))
        try:
            yield new
            new.chmod(0o777 & ~_umask())
            flush_tree(new)
            if _take_over(_kept_entries(path, new, outdated), new):
                exchange_dir(new, path)
            else:
                _exchange_entries(new, path, outdated)
        except BaseException:
            shutil.rmtree(new, ignore_errors=True)
            raise


def exchange_dir(new: Path, path: Path) -> None:
    """Rename the folder `new` to `path`; what was there before goes away afterwards.

    Both change places in one step, so there is a whole folder `path` at each moment. Where the file system
    cannot do that, the old folder is renamed first, and `recover_dir` brings it back after a kill.
    """
    if path.is_dir() and _swapped(new, path):
        flush_dir(path.parent)
        shutil.rmtree(new, ignore_errors=True)
        return
    old = path.with_name(f".{path.name}.old")
    shutil.rmtree(old, ignore_errors=True)
    if path.exists():
        os.rename(path, old)
    os.rename(new, path)
    flush_dir(path.parent)
    shutil.rmtree(old, ignore_errors=True)


def _kept_entries(path: Path, new: Path, outdated: Collection[str]) -> list[Path]:
    if not path.is_dir():
        return []
    return [
        path / name for name in set(os.listdir(path)) - set(os.listdir(new)) if not _is_in(name, outdated)
    ]


def _is_in(name: str, patterns: Collection[str]) -> bool:
    return any(fnmatch(name, pattern) for pattern in patterns)


def _take_over(entries: list[Path], new: Path) -> bool:
    """Let files be in the folder `new`, too; return whether all `entries` are files and can be."""
    if any(entry.is_dir() for entry in entries):
        return False
    try:
        for entry in entries:
            os.link(entry, new / entry.name, follow_symlinks=False)
    except OSError:  # some file systems know no second names of files
        for entry in entries:
            (new / entry.name).unlink(missing_ok=True)
        return False
    return True


def _exchange_entries(new: Path, path: Path, outdated: Collection[str]) -> None:
    for name in os.listdir(path):
        if _is_in(name, outdated):
            _remove(path / name)
    for entry in sorted(new.iterdir()):
        if entry.is_dir():
            exchange_dir(entry, path / entry.name)
        else:
            os.replace(entry, path / entry.name)
    flush_dir(path)
    new.rmdir()


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink()


def _swapped(one: Path, other: Path) -> bool:
    """Let two entries of a file system change places in one step; return whether that is possible here."""
    rename = getattr(ctypes.CDLL(None), "renameat2", None) if os.name == "posix" else None
    if rename is None:
        return False
    return rename(_AT_FDCWD, os.fsencode(one), _AT_FDCWD, os.fsencode(other), _RENAME_EXCHANGE) == 0


def recover_dir(path: Path) -> None:
    """Put the old folder back if a kill hit the instant between the two renames of an exchange."""
    old = path.with_name(f".{path.name}.old")
    if not path.exists() and old.exists():
        os.rename(old, path)


def _remove_leftovers(path: Path) -> None:
    recover_dir(path)
    for leftover in path.parent.glob(f".{path.name}.new.*"):
        shutil.rmtree(leftover, ignore_errors=True)


def _strict(value: Any) -> Any:
    if isinstance(value, float) and not math.isfinite(value):
        return {_FLOAT_KEY: str(float(value))}
    if isinstance(value, dict):
        return {key: _strict(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_strict(item) for item in value]
    return value


def with_float(value: dict[str, Any]) -> Any:
    """Return an object of JSON, or the float that it stands for."""
    is_float = set(value) == {_FLOAT_KEY} and value[_FLOAT_KEY] in ("nan", "inf", "-inf")
    return float(value[_FLOAT_KEY]) if is_float else value


@contextlib.contextmanager
def _reported(path: Path) -> Iterator[None]:
    try:
        yield
    except StorageError:
        raise
    except OSError as error:
        raise StorageError(
            f"Could not write `{path}`: {error.strerror or error}. What was there before is unchanged. "
            "Make room, or choose another folder."
        ) from error


def flush_tree(root: Path) -> None:
    """Flush all files and folders below `root`, and `root` itself, to disk."""
    for folder, _, names in os.walk(root):
        for name in names:
            with open(os.path.join(folder, name), "rb") as file:
                os.fsync(file.fileno())
        flush_dir(Path(folder))


def flush_dir(folder: Path) -> None:
    """Flush the entries of `folder` to disk, so that what was renamed in it stays renamed."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask
