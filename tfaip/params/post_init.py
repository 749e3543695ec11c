"""Run `__post_init__` again after the command line or a file has filled the fields."""

from dataclasses import fields, is_dataclass
from typing import Any


def post_init(dc: Any) -> None:
    """Call `__post_init__` of every dataclass below `dc`, children first, then of `dc`.

    Only fields whose value is a dataclass are entered, not lists or dicts. It runs several times in the life
    of a params object, so each `__post_init__` must give the same result when it runs twice. Anything that is
    no dataclass is ignored.
    """
    if not is_dataclass(dc) or isinstance(dc, type):
        return
    for field in fields(dc):
        post_init(getattr(dc, field.name, None))
    own = getattr(dc, "__post_init__", None)
    if own is not None:
        own()
