"""Run `__post_init__` again after the command line or a file has filled the fields."""

from dataclasses import fields, is_dataclass
from typing import Any


def post_init(params: Any) -> None:
    """Call `__post_init__` of every dataclass below `params`, children first, then of `params`.

    Only fields whose value is a dataclass are entered, not lists or dicts. It runs several times in the life
    of a params object, so each `__post_init__` must give the same result when it runs twice. Anything that is
    no dataclass is ignored.
    """
    if not is_dataclass(params) or isinstance(params, type):
        return
    for field in fields(params):
        post_init(getattr(params, field.name, None))
    own = getattr(params, "__post_init__", None)
    if own is not None:
        own()
