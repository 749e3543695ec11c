"""What is sent to a worker, and why something cannot be."""

import pickle
import pickletools
import sys
from collections.abc import Iterator
from dataclasses import fields, is_dataclass
from itertools import pairwise
from typing import Any

from tfaip.errors import UsageError

_DEEPEST = 6  # levels of attributes that are searched for the culprit


def pickled(value: Any, name: str) -> bytes:
    """Return `value` as it is sent to a worker.

    Args:
        value: What a worker needs.
        name: What it is called in messages.

    Raises:
        UsageError: if it cannot be sent, naming the attribute; or if a worker cannot import its class.
    """
    try:
        data = pickle.dumps(value, protocol=5)
    except Exception as error:
        raise UsageError(
            f"{cannot_be_sent(value, name, error)} Keep in params what can be pickled (numbers, texts, "
            "paths) and create the rest in the processor's `__init__`, which runs in the worker; or set "
            "`run_parallel` to false."
        ) from error
    if needs_main(data) and main_module() is None:
        raise UsageError(
            f"{name} uses {_names_in_main(data)}, defined in a notebook, at a prompt or in `python -c`, "
            "which worker processes cannot import. Move it into a module (a .py file), or set "
            "`run_parallel` to false."
        )
    return data


def needs_main(data: bytes) -> bool:
    """Return whether something in a pickle is defined in the script that was started."""
    return b"__main__" in data


def main_module() -> tuple[str, str] | None:
    """Return how a worker can import the script that was started: ("name" or "path", which); None if not."""
    main = sys.modules["__main__"]
    spec = getattr(main, "__spec__", None)
    if spec is not None and spec.name != "__main__":
        return "name", spec.name
    path = getattr(main, "__file__", None)
    return None if path is None else ("path", path)


def cannot_be_sent(value: Any, name: str, error: Exception) -> str:
    """Return the sentence that says which part of `value` cannot be pickled, and why."""
    path, culprit = next(_culprits(value, name, _DEEPEST), (name, value))
    what = f"{culprit!r}, a {type(culprit).__name__}"
    return f"`{path}` cannot be sent to worker processes: it is {what} ({error})."


def _culprits(value: Any, path: str, depth: int) -> Iterator[tuple[str, Any]]:
    """Yield the innermost attributes that cannot be pickled, with their paths."""
    if depth == 0 or _can_be_pickled(value):
        return
    found = False
    for part_path, part in _parts(value, path):
        for culprit in _culprits(part, part_path, depth - 1):
            found = True
            yield culprit
    if not found:
        yield path, value


def _parts(value: Any, path: str) -> Iterator[tuple[str, Any]]:
    if isinstance(value, dict):
        yield from ((f"{path}[{key!r}]", part) for key, part in value.items())
    elif isinstance(value, list | tuple | set | frozenset):
        yield from ((f"{path}[{number}]", part) for number, part in enumerate(value))
    elif is_dataclass(value) and not isinstance(value, type):
        # The class is known better than the way to it.
        names = [f.name for f in fields(value)]
        yield from ((f"{type(value).__name__}.{name}", getattr(value, name)) for name in names)
    elif hasattr(value, "__dict__") and not isinstance(value, type) and not callable(value):
        yield from ((f"{path}.{name}", part) for name, part in vars(value).items())


def _can_be_pickled(value: Any) -> bool:
    try:
        pickle.dumps(value, protocol=5)
    except Exception:  # noqa: BLE001 - any reason is one
        return False
    return True


def _names_in_main(data: bytes) -> str:
    """Return the names of what is defined in `__main__`, for a message."""
    texts = [arg for _, arg, _ in pickletools.genops(data) if isinstance(arg, str)]
    names = [name for module, name in pairwise(texts) if module == "__main__"]
    return ", ".join(f"`{name}`" for name in dict.fromkeys(names)) or "something"
