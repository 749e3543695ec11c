"""The checkpoints of a training on disk: numbered folders, written whole, checked by digest, and pruned.

    <folder>/checkpoints/00003-epoch-3/   manifest.json with the digests of all other files
    <folder>/variables                    a link to the newest one

The number counts what a run has saved, so the order never depends on times. What a kill leaves behind ends in
`.incomplete`. Nothing that was not written here is ever removed.
"""

import contextlib
import glob
import hashlib
import json
import logging
import os
import re
import shutil
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tfaip.errors import UsageError
from tfaip.files import flush_dir, flush_tree, json_text, parse_json
from tfaip.version import __version__

logger = logging.getLogger(__name__)

STORE = "checkpoints"
LINK = "variables"
MANIFEST = "manifest.json"
STATE = "state.json"
FORMAT = 2
_INCOMPLETE = ".incomplete"
_NAME = re.compile(r"(\d{5,})-epoch-(\d+)(?:-step-(\d+))?")
_BLOCK = 1 << 20


class DamagedError(Exception):
    """A checkpoint is not what was written; the text is the file and the reason."""


@dataclass(frozen=True, order=True)
class Generation:
    """A checkpoint that was once complete.

    Attributes:
        serial: Its number; higher is newer.
        path: Its folder.
    """

    serial: int
    path: Path

    @property
    def name(self) -> str:
        """What messages call it."""
        return self.path.name if self.path.parent.name == STORE else str(self.path)


# ---- finding


def folders_of(output_dir: Path, sub_dir: str) -> list[Path]:
    """Return the folders in which a training may have checkpoints.

    Args:
        output_dir: The folder of the training.
        sub_dir: Below it; `{epoch}` stands for any epoch.
    """
    parts = re.split(r"\{[^}]*\}", sub_dir)
    if len(parts) == 1:
        return [output_dir / sub_dir]
    found = output_dir.glob("*".join(glob.escape(part) for part in parts))
    return sorted(path for path in found if path.is_dir())


def generations(folders: Iterable[Path]) -> list[Generation]:
    """Return the checkpoints of a training in `folders`, the newest first, without looking at their contents.

    A folder `variables` that is no link is one too: of a training before there were numbers, or a copy.
    """
    found = []
    for folder in folders:
        found += [Generation(int(name[1]), path) for path, name in _numbered(folder)]
        if _is_own_folder(folder / LINK):
            found.append(Generation(_serial_inside(folder / LINK), folder / LINK))
    return sorted(found, key=lambda one: (one.serial, one.path.parent.name == STORE), reverse=True)


def incomplete(folder: Path) -> list[Path]:
    """Return what a kill has left of checkpoints in `folder`."""
    return sorted(path for path in _entries(folder / STORE) if _is_leftover(path))


def is_generation(path: Path) -> bool:
    """Return whether `path` is the folder of one checkpoint."""
    return (path / MANIFEST).is_file() or (path / STATE).is_file()


def _numbered(folder: Path) -> list[tuple[Path, re.Match[str]]]:
    named = [(path, _NAME.fullmatch(path.name)) for path in _entries(folder / STORE)]
    return [(path, name) for path, name in named if name is not None and path.is_dir()]


def _entries(folder: Path) -> list[Path]:
    return list(folder.iterdir()) if folder.is_dir() else []


def _is_leftover(path: Path) -> bool:
    return path.name.endswith(_INCOMPLETE) and _NAME.fullmatch(path.name[: -len(_INCOMPLETE)]) is not None


def _is_own_folder(path: Path) -> bool:
    return path.is_dir() and not path.is_symlink() and is_generation(path)


def _serial_inside(path: Path) -> int:
    with contextlib.suppress(OSError, ValueError, LookupError, TypeError):
        return int(json.loads((path / MANIFEST).read_text("utf-8"))["serial"])
    return 0


# ---- checking


def check_digests(path: Path) -> dict[str, Any]:
    """Return the manifest of the checkpoint `path` after all its files were found to be as written.

    Raises:
        DamagedError: They are not.
        UsageError: A newer version of tfaip wrote it.
    """
    manifest = read_manifest(path)
    for name, expected in manifest["files"].items():
        _check_file(path / name, expected)
    return manifest


def read_manifest(path: Path) -> dict[str, Any]:
    """Return the manifest of the checkpoint `path`, which carries its own digest.

    Raises:
        DamagedError: It cannot be read, or was changed.
        UsageError: A newer version of tfaip wrote it.
    """
    try:
        manifest = parse_json((path / MANIFEST).read_text(encoding="utf-8"))
        digest = manifest.pop("digest")
        is_whole = digest == _digest_of(manifest)
    except OSError as error:
        raise DamagedError(f"{MANIFEST}: {error.strerror or error}") from error
    except (ValueError, LookupError, TypeError, AttributeError, RecursionError) as error:
        raise DamagedError(f"{MANIFEST}: it cannot be read") from error
    if not is_whole:
        raise DamagedError(f"{MANIFEST}: digest differs")
    refuse_newer(path, manifest["format"], manifest["tfaip_version"])
    return manifest


def refuse_newer(path: Path, number: int, version: str) -> None:
    """Raise if a checkpoint has a format that only a newer version of tfaip knows.

    Raises:
        UsageError: If so.
    """
    if number > FORMAT:
        raise UsageError(
            f"The checkpoint `{path}` has format {number}, this version of tfaip ({__version__}) reads up to "
            f"{FORMAT}. Resume with tfaip {version}."
        )


def _check_file(file: Path, expected: dict[str, Any]) -> None:
    try:
        size = file.stat().st_size
        if size != expected["size"]:
            raise DamagedError(f"{file.name}: it has {size} bytes instead of {expected['size']}")
        if _digest(file) != expected["sha256"]:
            raise DamagedError(f"{file.name}: digest differs")
    except OSError as error:
        raise DamagedError(f"{file.name}: {error.strerror or error}") from error


def _digest(file: Path) -> str:
    digest = hashlib.sha256()
    with file.open("rb") as opened:
        while block := opened.read(_BLOCK):
            digest.update(block)
    return digest.hexdigest()


def _digest_of(manifest: dict[str, Any]) -> str:
    text = json.dumps(manifest, sort_keys=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()


# ---- writing


def commit(
    folder: Path,
    write: Callable[[Path], None],
    *,
    serial: int,
    epoch: int,
    step: int,
    facts: Mapping[str, Any],
) -> Path:
    """Let `write` fill a folder beside, flush it, give it its name, and point `folder/variables` to it.

    Args:
        folder: Where `checkpoints` and `variables` are.
        write: Called with the empty folder.
        serial: The number of the checkpoint.
        epoch: Epochs that are done; with a `step`, the epoch which that step is in.
        step: Steps of a part of an epoch; 0: the epoch is done.
        facts: What the manifest says beside the digests: `run`, `is_best` and `best`.
    """
    final = folder / STORE / _name(serial, epoch, step)
    new = final.with_name(final.name + _INCOMPLETE)
    _clear(new)
    new.mkdir(parents=True)
    try:
        write(new)
        _write_manifest(new, {"serial": serial, "epoch": epoch, "step": step, **facts})
        flush_tree(new)
        os.rename(new, final)
    except BaseException:
        _clear(new)
        raise
    flush_dir(final.parent)
    _point_to(final, folder, facts)
    return final


def next_serial(folders: Iterable[Path]) -> int:
    """Return the number of the next checkpoint."""
    return max((one.serial for one in generations(folders)), default=0) + 1


def _name(serial: int, epoch: int, step: int) -> str:
    return f"{serial:05d}-epoch-{epoch}" + (f"-step-{step}" if step else "")


def _write_manifest(folder: Path, facts: Mapping[str, Any]) -> None:
    files = {
        path.name: {"size": path.stat().st_size, "sha256": _digest(path)} for path in sorted(folder.iterdir())
    }
    content = {"format": FORMAT, "tfaip_version": __version__, **facts, "files": files}
    digest = _digest_of(parse_json(json_text(content)))
    (folder / MANIFEST).write_text(json_text({**content, "digest": digest}), encoding="utf-8")


def _point_to(generation: Path, folder: Path, facts: Mapping[str, Any]) -> None:
    """Let the link `variables` show the newest checkpoint, for programs that read it there."""
    link = folder / LINK
    new = folder / f".{LINK}.new"
    try:
        if _is_own_folder(link):
            _give_number(link, folder, facts)
        new.unlink(missing_ok=True)
        new.symlink_to(Path(STORE, generation.name), target_is_directory=True)
        os.replace(new, link)
        flush_dir(folder)
    except OSError as error:
        reason = error.strerror or error
        logger.warning("`%s` does not show the new checkpoint `%s`: %s.", link, generation, reason)


def _give_number(path: Path, folder: Path, facts: Mapping[str, Any]) -> None:
    """Move a checkpoint of an older version, or a copy of one, out of the way of the link."""
    if not (path / MANIFEST).exists():
        _write_manifest(
            path, {"serial": 0, "epoch": _epoch_inside(path), "step": 0, **facts, "is_best": False}
        )
    try:
        manifest = read_manifest(path)
    except DamagedError as error:
        raise OSError(str(error)) from error
    target = folder / STORE / _name(manifest["serial"], manifest["epoch"], manifest["step"])
    if target.exists():
        _clear(path)
        return
    os.rename(path, target)
    logger.info("The checkpoint `%s` is now `%s`.", path, target)


def _epoch_inside(path: Path) -> int:
    with contextlib.suppress(OSError, ValueError, LookupError, TypeError):
        return int(json.loads((path / STATE).read_text("utf-8"))["state"]["epoch"])
    return 0


# ---- removing


def prune(folder: Path, *, keep: int, run: str, damaged: Collection[Path] = ()) -> None:
    """Remove checkpoints of `run` in `folder`: all but the newest `keep` and the best one.

    What kills left, and the `damaged` ones, are removed as well. Other runs and other files stay.
    """
    for leftover in incomplete(folder):
        _clear(leftover)
    for path in damaged:
        if path.parent == folder / STORE:
            remove(path)
    own = [(path, facts) for path, facts in _with_facts(folder) if facts["run"] == run]
    for path, facts in own[keep:]:
        if not (facts["is_best"] and facts["best"] == own[0][1]["best"]):
            remove(path)


def remove(path: Path) -> None:
    """Remove a checkpoint; a kill in between leaves nothing that could be taken for one."""
    incomplete = path.with_name(path.name + _INCOMPLETE)
    with contextlib.suppress(OSError):
        _clear(incomplete)
        os.rename(path, incomplete)
        path = incomplete
    _clear(path)


def newest_facts(folders: Iterable[Path]) -> dict[str, Any]:
    """Return the manifest of the newest checkpoint that has a readable one; `{}`: there is none."""
    return next((facts for _, facts in _with_facts(*folders)), {})


def _with_facts(*folders: Path) -> Iterator[tuple[Path, dict[str, Any]]]:
    for generation in generations(folders):
        with contextlib.suppress(DamagedError, UsageError):
            yield generation.path, read_manifest(generation.path)


def _clear(path: Path) -> None:
    shutil.rmtree(path, ignore_errors=True)
