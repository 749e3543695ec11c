"""`metrics.jsonl`: what a training logs, one JSON object per line."""

import json
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from tfaip.errors import StorageError
from tfaip.files import write_text

METRICS = "metrics.jsonl"


def start_metrics(path: Path, *, steps_done: int) -> None:
    """Prepare the file for the steps that follow after `steps_done`.

    Lines of later steps, which a killed training has written after its last checkpoint, are removed, as is a
    last line that is cut off. Without steps done the file starts empty.
    """
    kept = [] if steps_done == 0 or not path.exists() else _kept_lines(path, steps_done)
    write_text(path, "".join(kept))


def _kept_lines(path: Path, steps_done: int) -> list[str]:
    kept = []
    for line in path.read_text(encoding="utf-8", errors="replace").splitlines(keepends=True):
        try:
            step = json.loads(line)["step"]
        except (ValueError, KeyError, TypeError):
            continue
        if step <= steps_done and line.endswith("\n"):
            kept.append(line)
    return kept


def append_metrics(path: Path, entry: Mapping[str, Any]) -> None:
    """Append one line; numbers that JSON does not know become `null`.

    Raises:
        StorageError: It cannot be written; a line that is cut off goes with the next `start_metrics`.
    """
    text = json.dumps(_plain(entry), allow_nan=False)
    try:
        with path.open("a", encoding="utf-8") as file:
            file.write(text + "\n")
    except OSError as error:
        raise StorageError(
            f"Could not write `{path}`: {error.strerror or error}. Make room, then go on with the training."
        ) from error


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, (np.ndarray, np.generic)):
        return _plain(value.tolist())
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value
