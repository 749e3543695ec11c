"""Names of weights: how those of a file are brought to those of a model.

A name looks like `root/ToyGraph/hidden/kernel:0`: the layers from the outside in, the weight, and `:0`.
"""

import os
import re
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from tfaip.errors import UsageError

SUFFIX = ":0"
_IGNORED = {f"{name}{SUFFIX}" for name in ("print_limit", "count", "total")}  # counters of tfaip 1.x
_MOST_NAMES = 100  # in one message


class WeightNameError(UsageError, NameError):
    """The names of weights do not fit together."""


@dataclass(frozen=True)
class Selection:
    """What is loaded: for names of the model those of the file, and what is left on both sides."""

    pairs: dict[str, str]
    cold: list[str]
    unused: list[str]

    @classmethod
    def of(cls, pairs: dict[str, str], target: Sequence[str], loaded: Sequence[str]) -> "Selection":
        """Return the selection of `pairs` (target to loaded) among all names of both sides."""
        used = set(pairs.values())
        cold = [name for name in target if name not in pairs]
        return cls(pairs, cold, [name for name in loaded if name not in used])


# ---- one list of names


def trimmed(names: Sequence[str]) -> list[str]:
    """Return the names without their longest common beginning, up to its last slash."""
    start = os.path.commonprefix(list(names)).rfind("/") + 1  # noqa: RUF071 - names are no paths
    return [name[start:] for name in names]


def renamed(name: str, rules: Sequence[str]) -> str:
    """Return the name after the text replacements FROM->TO, in their order."""
    for rule in rules:
        old, _, new = rule.partition("->")
        name = name.replace(old, new)
    return name


def without_numbers(name: str, layers: Sequence[str]) -> str:
    """Return the name with `lstm` for `lstm_3`, for each layer name in `layers`."""
    for layer in layers:
        name = re.sub(rf"(^|/){re.escape(layer)}_\d+(?=/)", rf"\g<1>{layer}", name)
    return name


def ranked(names: Sequence[str], is_automatic: Callable[[str], bool]) -> list[str]:
    """Return the names with the running numbers of automatic layer names replaced by their rank.

    Keras counts automatic names up in a process: the first `dense` of a model is `dense` or `dense_7`. Below
    one parent the first becomes `dense`, the second `dense_1`, and so on. Keras never gives the number 0, so
    names that are numbered from 0 on are somebody's own and stay as they are.

    Args:
        names: The names of all weights of one model.
        is_automatic: Whether a layer name, without its number, may be one that Keras made.
    """
    rows = [tuple(name.split("/")) for name in names]
    for depth in range(max((len(row) - 1 for row in rows), default=0)):
        rows = _ranked_at(depth, rows, is_automatic)
    return ["/".join(row) for row in rows]


def is_weight(name: str) -> bool:
    """Return whether `name` is that of a weight, and not that of a counter."""
    return name not in _IGNORED


def with_suffix(name: str) -> str:
    """Return the name with `:0` at its end."""
    return name if name.endswith(SUFFIX) else name + SUFFIX


# ---- two lists of names


def select(
    target: Sequence[str],
    loaded: Sequence[str],
    *,
    include: str | None = None,
    exclude: str | None = None,
    allow_partial: bool = False,
) -> Selection:
    """Return which loaded weights go into which weights of the model: those of the same name.

    Without a selection the names of both sides must be the same.

    Raises:
        WeightNameError: They are not, or nothing is left; the message has both lists.
    """
    check_unique(target, "model")
    check_unique(loaded, "file")
    wanted = [name for name in loaded if _is_selected(name, include, exclude)]
    common = set(wanted) & set(target)
    if not common:
        raise WeightNameError(
            f"No weight of the warm start has a name of the model. {_both(target, loaded, include, exclude)} "
            "Bring the names together with `--warmstart.rename 'FROM->TO'`."
        )
    is_partial = allow_partial or include is not None or exclude is not None
    if not is_partial and set(wanted) != set(target):
        raise WeightNameError(
            f"The weights of the warm start are not those of the model. {differences(target, loaded)} Load "
            "what fits with `--warmstart.allow_partial True`, or rename with `--warmstart.rename 'FROM->TO'`."
        )
    return Selection.of({name: name for name in target if name in common}, target, loaded)


def check_unique(names: Sequence[str], side: str) -> None:
    """Raise if renaming has given two weights the same name."""
    double = [name for name, count in Counter(names).items() if count > 1]
    if double:
        raise WeightNameError(
            f"Several weights of the {side} are called {listed(double)} after renaming. Correct "
            "`--warmstart.rename`, `--warmstart.rename_targets` or `--warmstart.auto_remove_numbers_for`."
        )


def differences(target: Sequence[str], loaded: Sequence[str]) -> str:
    """Return two sentences with the names that only one side has."""
    missing = [name for name in target if name not in set(loaded)]
    surplus = [name for name in loaded if name not in set(target)]
    return f"Missing in the file: {listed(missing)}. Not in the model: {listed(surplus)}."


def listed(names: Sequence[str]) -> str:
    """Return the names for a message; of very many only the first."""
    shown = ", ".join(names[:_MOST_NAMES]) or "none"
    return shown if len(names) <= _MOST_NAMES else f"{shown} and {len(names) - _MOST_NAMES} more"


def _both(target: Sequence[str], loaded: Sequence[str], include: str | None, exclude: str | None) -> str:
    patterns = {"include": include, "exclude": exclude}
    given = "".join(f" after `--warmstart.{k} {v}`" for k, v in patterns.items() if v is not None)
    chosen = [name for name in loaded if _is_selected(name, include, exclude)]
    rest = f" (of {listed(loaded)})" if given else ""
    return f"Model: {listed(target)}. File{given}: {listed(chosen)}{rest}."


def _is_selected(name: str, include: str | None, exclude: str | None) -> bool:
    is_included = include is None or _matches(include, name)
    return is_included and not (exclude is not None and _matches(exclude, name))


def _matches(pattern: str, name: str) -> bool:
    """Return whether the whole name matches; the `:0` at its end may be left out."""
    return any(re.fullmatch(pattern, spelling) for spelling in (name, name.removesuffix(SUFFIX)))


def _ranked_at(
    depth: int, rows: list[tuple[str, ...]], is_automatic: Callable[[str], bool]
) -> list[tuple[str, ...]]:
    numbers: dict[tuple[str, ...], set[int]] = {}
    for row in rows:
        if depth < len(row) - 1:
            base, number = _split(row[depth])
            numbers.setdefault((*row[:depth], base), set()).add(number)
    return [_row_ranked_at(depth, row, numbers, is_automatic) for row in rows]


def _row_ranked_at(
    depth: int,
    row: tuple[str, ...],
    numbers: dict[tuple[str, ...], set[int]],
    is_automatic: Callable[[str], bool],
) -> tuple[str, ...]:
    if depth >= len(row) - 1:
        return row
    base, number = _split(row[depth])
    siblings = numbers[(*row[:depth], base)]
    if 0 in siblings or not is_automatic(base):
        return row
    rank = sorted(siblings).index(number)
    return (*row[:depth], f"{base}_{rank}" if rank else base, *row[depth + 1 :])


def _split(name: str) -> tuple[str, int]:
    """Return a layer name without its running number, and the number; -1 if it has none."""
    match = re.fullmatch(r"(.+)_(0|[1-9]\d*)", name)
    return (match[1], int(match[2])) if match else (name, -1)
