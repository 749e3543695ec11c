"""What callbacks have to know after a resume: collected for a checkpoint, and given back."""

import json
from collections.abc import Iterable, Mapping
from typing import Any

from tfaip.errors import UsageError


def collect_states(callbacks: Iterable[Any]) -> dict[str, Any]:
    """Return the states of the callbacks that have one, as plain values.

    Such a callback has methods `get_state()` and `set_state(state)`; `None` stands for no state.

    Raises:
        UsageError: A state can not be written as JSON.
    """
    states = {}
    for key, callback in _with_state(callbacks):
        state = callback.get_state()
        if state is None:
            continue
        try:
            json.dumps(state)
        except (TypeError, ValueError) as error:
            raise UsageError(
                f"`get_state` of `{key}` must return values that JSON knows (numbers, texts, lists, dicts), "
                f"got {state!r}: {error}."
            ) from error
        states[key] = state
    return states


def restore_states(callbacks: Iterable[Any], states: Mapping[str, Any]) -> None:
    """Give each callback the state that it had; one that is new starts without."""
    for key, callback in _with_state(callbacks):
        if key in states:
            callback.set_state(states[key])


def has_state(callback: Any) -> bool:
    """Return whether a callback offers a state."""
    return hasattr(callback, "get_state") and hasattr(callback, "set_state")


def _with_state(callbacks: Iterable[Any]) -> Iterable[tuple[str, Any]]:
    """Yield the callbacks that have a state with distinct keys, in their order."""
    counts: dict[str, int] = {}
    for callback in callbacks:
        if not has_state(callback):
            continue
        key = getattr(callback, "state_key", type(callback).__qualname__)
        counts[key] = counts.get(key, 0) + 1
        yield (key if counts[key] == 1 else f"{key} {counts[key]}"), callback
