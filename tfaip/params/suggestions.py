"""The names a user probably meant."""

import difflib
from collections.abc import Iterable


def closest(word: str, known: Iterable[str], *, limit: int = 3) -> list[str]:
    """Return at most `limit` of the `known` names that resemble `word`, the closest first."""
    return difflib.get_close_matches(word, sorted(set(known)), n=limit, cutoff=0.6)


def did_you_mean(word: str, known: Iterable[str], *, limit: int = 3) -> str:
    """Return ` Did you mean ...?` with the names closest to `word`, or an empty string."""
    names = closest(word, known, limit=limit)
    return f" Did you mean {' or '.join(f'`{name}`' for name in names)}?" if names else ""
