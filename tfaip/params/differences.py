"""What is different between two trees of params, in words."""

from dataclasses import fields, is_dataclass
from typing import Any


def differences(old: Any, new: Any, name: str) -> list[str]:
    """Return a line `name.of.field: old -> new` for each value that differs; none if all are equal.

    Args:
        old: Params, or a value.
        new: What became of it.
        name: The name of both.
    """
    if type(old) is not type(new):
        return [f"{name}: {_shown(old)} -> {_shown(new)}"]
    if is_dataclass(old):
        pairs = [(f.name, getattr(old, f.name), getattr(new, f.name)) for f in fields(old)]
    elif isinstance(old, list) and len(old) == len(new) and any(is_dataclass(item) for item in old):
        pairs = [(str(i), one, other) for i, (one, other) in enumerate(zip(old, new, strict=True))]
    else:
        return [] if old == new else [f"{name}: {_shown(old)} -> {_shown(new)}"]
    return [line for key, one, other in pairs for line in differences(one, other, f"{name}.{key}")]


def _shown(value: Any) -> str:
    if is_dataclass(value):
        return type(value).__name__
    if isinstance(value, list):
        return f"[{', '.join(_shown(item) for item in value)}]"
    return repr(value)
