"""Whether two trainings are the same, bit for bit: weights, all states, history, and order of samples.

assert_same(fingerprint(unbroken), fingerprint(broken))
"""

import hashlib
import json
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf

from tests.reliability.recorder import recorded_samples

Fingerprint = dict[str, str]

_CLOCKS = ("time", "seconds", "steps_per_second", "data_wait_share")


def fingerprint(output_dir: Path, sample_log: Path | None = None) -> Fingerprint:
    """Return a digest of each thing that belongs to a training, by its name.

    Args:
        output_dir: Of a training; its newest checkpoint and `metrics.jsonl` are read.
        sample_log: What a `SampleRecorder` has written in all runs of the training.
    """
    parts = {**_tensors(output_dir), **_state(output_dir), **_history(output_dir)}
    if sample_log is not None:
        parts |= {f"samples/{step:06d}": _digest(ids) for step, ids in recorded_samples(sample_log).items()}
    return parts


def digest(parts: Fingerprint) -> str:
    """Return one SHA-256 of a whole fingerprint."""
    return _digest(sorted(parts.items()))


def differences(one: Fingerprint, other: Fingerprint) -> list[str]:
    """Return the names of what differs, or is there only once."""
    return sorted(name for name in {*one, *other} if one.get(name) != other.get(name))


def assert_same(one: Fingerprint, other: Fingerprint) -> None:
    """Raise with the names of what differs."""
    found = differences(one, other)
    assert not found, f"{len(found)} of {len(one)} differ: {', '.join(found[:20])}"


def _tensors(output_dir: Path) -> Fingerprint:
    """Weights, the seed states of layers, optimizer, averages, sums of gradients and of metrics."""
    reader = tf.train.load_checkpoint(str(output_dir / "variables" / "variables"))
    return {name: _array_digest(reader.get_tensor(name)) for name in reader.get_variable_to_shape_map()}


def _state(output_dir: Path) -> Fingerprint:
    """Position, best value and patience, schedules, and the states of callbacks and policies."""
    content = json.loads((output_dir / "variables" / "state.json").read_text(encoding="utf-8"))
    return {f"state/{name}": _digest(value) for name, value in content["state"].items()}


def _history(output_dir: Path) -> Fingerprint:
    """What was logged, but for what a clock has measured; floats to the last bit."""
    parts = {}
    for line in (output_dir / "metrics.jsonl").read_text(encoding="utf-8").splitlines():
        entry = json.loads(line)
        key = f"history/{entry['kind']}/{entry['step']:06d}"
        assert key not in parts, f"{key} was logged twice"
        parts[key] = _digest({name: value for name, value in entry.items() if name not in _CLOCKS})
    return parts


def _digest(value: Any) -> str:
    return hashlib.sha256(json.dumps(_exact(value), sort_keys=True).encode()).hexdigest()


def _exact(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _exact(item) for name, item in value.items() if name not in _CLOCKS}
    if isinstance(value, (list, tuple)):
        return [_exact(item) for item in value]
    return value.hex() if isinstance(value, float) else value


def _array_digest(array: np.ndarray) -> str:
    return hashlib.sha256(f"{array.dtype}{array.shape}".encode() + array.tobytes()).hexdigest()
