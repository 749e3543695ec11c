"""The names a user probably meant."""

import difflib
from collections.abc import Iterable


def closest(word: str, known: Iterable[str], *, limit: int = 3) -> list[str]:
    """Return at most `limit` of the `known` names that resemble `word`, the closest first.

    Upper and lower case are the same; a name that differs only in them is the only one returned.
    """
    names = {name.lower(): name for name in sorted(set(known))}
    if word.lower() in names:
        return [names[word.lower()]]
    near = difflib.get_close_matches(word.lower(), names, n=limit, cutoff=0.6)
    return [names[name] for name in near]


def did_you_mean(word: str, known: Iterable[str], *, limit: int = 3) -> str:
    """Return ` Did you mean ...?` with the names closest to `word`, or an empty string."""
    return offer(closest(word, known, limit=limit))


def offer(names: Iterable[str]) -> str:
    """Return ` Did you mean ...?` with all `names`, or an empty string if there are none."""
    quoted = [f"`{name}`" for name in names]
    return f" Did you mean {any_of(quoted)}?" if quoted else ""


def any_of(words: Iterable[str]) -> str:
    """Return `a, b or c`."""
    words = list(words)
    return " or ".join([", ".join(words[:-1]), words[-1]] if len(words) > 1 else words)
