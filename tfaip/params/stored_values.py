"""Numbers, texts and choices in JSON: do they fit the type of a field?"""

import json
from enum import Enum
from numbers import Integral, Real
from typing import Any, Literal, get_args, get_origin

from tfaip.params.suggestions import any_of
from tfaip.printable import printable

_EXPECTED: dict[Any, str] = {
    int: "a whole number",
    float: "a number",
    bool: "true or false",
    str: "a text",
    type(None): "null",
}


class MismatchError(Exception):
    """A value does not fit a type; the text says what would."""


def plain_value(kind: Any, value: Any) -> Any:
    """Return `value` as a `kind`: a number, a text, an enum; what is none of these passes as it is.

    Raises:
        MismatchError: If it does not fit.
    """
    if get_origin(kind) is Literal:
        return _one_of(value, get_args(kind), value)
    if not isinstance(kind, type):
        return value
    if issubclass(kind, Enum):
        return value if isinstance(value, kind) else _one_of(value, [member.value for member in kind], kind)
    if kind in _EXPECTED:
        if not _fits(kind, value):
            raise MismatchError(_EXPECTED[kind])
        return int(value) if kind is int else value
    return value


def shown(value: Any) -> str:
    """Return a value as it is in JSON, for a message."""
    try:
        return printable(json.dumps(value, ensure_ascii=False))
    except (TypeError, ValueError):
        return printable(repr(value))


def _fits(kind: Any, value: Any) -> bool:
    if kind is type(None):
        return value is None
    if kind is float:
        return isinstance(value, Real) and not isinstance(value, bool)
    if kind is int:
        is_whole = isinstance(value, Integral) or (isinstance(value, float) and value.is_integer())
        return is_whole and not isinstance(value, bool)
    return isinstance(value, kind)


def _one_of(value: Any, choices: Any, kind: Any) -> Any:
    if not any(type(choice) is type(value) and choice == value for choice in choices):
        raise MismatchError(any_of(shown(choice) for choice in choices))
    return kind(value) if isinstance(kind, type) else value
