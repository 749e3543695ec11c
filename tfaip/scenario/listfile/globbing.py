"""Paths from patterns, and from list files."""

import os
from collections.abc import Iterable
from glob import glob

from tfaip.scenario.listfile.listfiles import read_lists

_WILDCARDS = frozenset("*?[")


def glob_all(paths: str | Iterable[str], resolve_ending: str | None = None) -> list[str]:
    """Return the paths that match some patterns: pattern by pattern, the matches of each in order.

    A path without `*`, `?` and `[` is returned as it is, also if nothing is there, so that whoever opens it
    can name it. A pattern without a match gives nothing. `**` stands for any number of folders, `~` for the
    home folder.

    Args:
        paths: A path or pattern, or several.
        resolve_ending: Paths with this ending, for example `.files`, are text files that hold a path or
            pattern on each line, which takes their place; relative ones are seen from the working directory.

    Raises:
        UsageError: A file with the ending is missing, or it is no text in UTF-8.
    """
    patterns = [paths] if isinstance(paths, str) else list(paths)
    found = []
    for pattern in patterns:
        for path in _matches(pattern):
            if resolve_ending and path.endswith(resolve_ending):
                (lines,) = read_lists([path], check_files=False)
                found += [match for line in lines for match in _matches(line)]
            else:
                found.append(path)
    return found


def _matches(pattern: str) -> list[str]:
    pattern = os.path.expanduser(pattern)
    is_pattern = not _WILDCARDS.isdisjoint(pattern)
    return sorted(glob(pattern, recursive=True)) if is_pattern else [pattern]
