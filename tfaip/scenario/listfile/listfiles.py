"""Reads list files: text files with one entry a line, often the name of a file."""

import os
import re
import stat
from collections.abc import Iterator, Sequence
from functools import lru_cache
from itertools import islice

from tfaip.errors import UsageError

_LARGEST_CHECKED = (
    200_000  # an entry takes 2 microseconds on a local disk, and a hundred times that on others
)
_NUM_SHOWN = 10
_KEPT_LISTS = 16  # each is asked for several times: to count the steps, for training, validation and LAV
_FILE_NAME = re.compile(r"\S+\.[A-Za-z]\w{0,9}")


class MissingFileError(UsageError, FileNotFoundError):
    """A list is missing, or a file that it names."""


def read_lists(
    paths: Sequence[str], *, ignore_prefix: str | None = None, check_files: bool | None = None
) -> list[Sequence[str]]:
    """Return the entries of each list file, in order.

    Blanks at the end of a line are cut and empty lines skipped. Line ends of Windows and a byte-order mark
    make no difference. A list that did not change is read once.

    Args:
        paths: Text files in UTF-8.
        ignore_prefix: Lines that begin with it are skipped.
        check_files: Whether every entry must be an existing file, seen from the working directory or from
            the folder of the list. None: if most are, or if all look like file names; unless the list is
            very long.

    Raises:
        MissingFileError: A list is missing, or a file that it names.
        UsageError: A list cannot be read.
    """
    paths = [os.path.abspath(os.path.expanduser(path)) for path in paths]
    missing = [path for path in paths if not os.path.exists(path)]
    if missing:
        names = ", ".join(f"`{path}`" for path in missing)
        raise MissingFileError(f"There is no list file {names}. Look at the flag that ends with `.lists`.")
    return [_read(path, _stamp(path), ignore_prefix or "", check_files) for path in paths]


def _stamp(path: str) -> tuple[int, int]:
    """Return what changes when the file does."""
    status = os.stat(path)
    if stat.S_ISDIR(status.st_mode):
        raise UsageError(f"The list `{path}` is a folder. Name a text file with one entry a line.")
    return status.st_mtime_ns, status.st_size


@lru_cache(_KEPT_LISTS)
def _read(path: str, stamp: tuple[int, int], ignore_prefix: str, check_files: bool | None) -> Sequence[str]:
    lines = _lines(path)
    entries = tuple(entry for _, entry in _entries(lines, ignore_prefix))
    if check_files or (check_files is None and len(entries) <= _LARGEST_CHECKED):
        _check(path, lines, entries, ignore_prefix, is_sure=bool(check_files))
    return entries


def _lines(path: str) -> list[str]:
    try:
        with open(path, "rb") as file:
            content = file.read()
    except OSError as error:
        raise UsageError(f"The list `{path}` could not be read: {error.strerror or error}.") from error
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise UsageError(
            f"The list `{path}` is no text in UTF-8: line {line} holds the byte {content[error.start]:#04x}. "
            "Convert it, for example with `iconv -f latin1 -t utf-8`."
        ) from error
    return text.replace("\r\n", "\n").replace("\r", "\n").split("\n")


def _entries(lines: Sequence[str], ignore_prefix: str) -> Iterator[tuple[int, str]]:
    """Yield the entries with the numbers of their lines."""
    for number, line in enumerate(lines, start=1):
        entry = line.rstrip()
        if entry and not (ignore_prefix and entry.startswith(ignore_prefix)):
            yield number, entry


def _check(
    path: str, lines: Sequence[str], entries: Sequence[str], ignore_prefix: str, *, is_sure: bool
) -> None:
    """Refuse the list if entries are no files while they should be."""
    folder = os.path.dirname(path)
    kinds = [_kind(entry, folder) for entry in entries]
    num_files, num_folders = kinds.count(stat.S_IFREG), kinds.count(stat.S_IFDIR)
    if not is_sure and 2 * (num_files + num_folders) < len(kinds) and not all(map(_looks_like_file, entries)):
        return
    # Where entries are folders, the folders are the samples.
    right = {stat.S_IFREG} if num_files >= num_folders else {stat.S_IFREG, stat.S_IFDIR}
    num_wrong = sum(kind not in right for kind in kinds)
    if not num_wrong:
        return
    numbered = zip(_entries(lines, ignore_prefix), kinds, strict=True)
    wrong = (f"line {n} `{entry}`{_reason(kind)}" for (n, entry), kind in numbered if kind not in right)
    shown = ", ".join(islice(wrong, _NUM_SHOWN))
    raise MissingFileError(
        f"The list `{path}` names {num_wrong} of {len(entries)} files that do not exist: {shown}"
        f"{', ...' if num_wrong > _NUM_SHOWN else ''}. Correct the list; if its lines are no file names, set "
        "`check_files False` with the prefix of the lists, as in `--train.check_files False`."
    )


def _kind(entry: str, folder: str) -> int:
    """Return whether an entry is a file (S_IFREG), a folder (S_IFDIR), or neither (0)."""
    for path in (entry, os.path.join(folder, entry)):
        try:
            mode = os.stat(path).st_mode
        except (OSError, ValueError):  # a ValueError if it holds what no path may hold
            continue
        return stat.S_IFDIR if stat.S_ISDIR(mode) else stat.S_IFREG
    return 0


def _reason(kind: int) -> str:
    return " (a folder)" if kind == stat.S_IFDIR else ""


def _looks_like_file(entry: str) -> bool:
    return _FILE_NAME.fullmatch(entry) is not None
