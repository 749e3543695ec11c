"""Range checks of params: one sentence that names the flag, what it got and what it expects."""

import math
import re
from collections.abc import Collection
from typing import Any, Optional

from tfaip.errors import UsageError


def check_number(
    flag: str,
    value: Any,
    *,
    at_least: Optional[float] = None,
    more_than: Optional[float] = None,
    at_most: Optional[float] = None,
    less_than: Optional[float] = None,
    optional: bool = False,
    hint: str = "",
) -> None:
    """Raise a `UsageError` unless `value` is a finite number within the bounds.

    Args:
        flag: The flag as a user types it, for example `--trainer.epochs`.
        value: What the field holds.
        at_least: Smallest value allowed.
        more_than: Bound that must be exceeded.
        at_most: Largest value allowed.
        less_than: Bound that must not be reached.
        optional: Whether `None` is allowed.
        hint: A sentence to end the message with: what special values mean, or what to do.
    """
    if value is None and optional:
        return
    bounds = [
        (at_least, "at least", lambda bound: value >= bound),
        (more_than, "more than", lambda bound: value > bound),
        (at_most, "at most", lambda bound: value <= bound),
        (less_than, "less than", lambda bound: value < bound),
    ]
    given = [(bound, words, holds) for bound, words, holds in bounds if bound is not None]
    is_number = isinstance(value, (int, float)) and math.isfinite(value)
    if is_number and all(holds(bound) for bound, _, holds in given):
        return
    expected = " and ".join(f"{words} {bound:g}" for bound, words, _ in given) or "a finite number"
    raise UsageError(f"`{flag}` must be {expected}, got {value!r}.{hint and ' ' + hint}")


def check_one_of(flag: str, value: Any, allowed: Collection[Any]) -> None:
    """Raise a `UsageError` unless `value` is one of the `allowed` ones."""
    if value not in allowed:
        names = ", ".join(repr(x) for x in allowed)
        raise UsageError(f"`{flag}` must be one of {names}, got {value!r}.")


def check_pattern(flag: str, value: Optional[str]) -> None:
    """Raise a `UsageError` unless `value` is `None` or a regular expression."""
    if value is None:
        return
    try:
        re.compile(value)
    except re.error as error:
        raise UsageError(f"`{flag}` must be a regular expression, got {value!r}: {error}.") from error
