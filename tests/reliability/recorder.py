"""Which samples a model has trained on, step by step, written as it happens."""

import json
import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import keras
import tensorflow as tf

from tfaip.data.pipeline.unbatching import unbatch

LOG_VARIABLE = "RECORDED_SAMPLES"
CALLBACK = "tests.reliability.recorder:SampleRecorder"  # for --trainer.callbacks


class SampleRecorder(keras.callbacks.Callback):
    """Append a line `[step, [id, ...]]` for each training step to the file that `RECORDED_SAMPLES` names.

    It looks at the batch inside the compiled step, so it sees what the model sees, and the line is there
    before the weights change. Steps count from 0 over the whole training.
    """

    def __init__(self) -> None:
        super().__init__()
        self._path = Path(os.environ[LOG_VARIABLE])
        self._step = tf.Variable(tf.zeros([], tf.int64), trainable=False)
        self._epoch = 0

    def set_model(self, model: Any) -> None:
        super().set_model(model)
        train_on = model._train_on

        def recorded(batch: Any) -> Any:
            tf.py_function(self._record, [self._step, batch[2]["meta"]], [])
            self._step.assign_add(1)
            return train_on(batch)

        model._train_on = recorded

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
        self._epoch = epoch

    def on_train_batch_begin(self, batch: int, logs: Any = None) -> None:
        self._step.assign(self._epoch * self.params["steps"] + batch)  # type: ignore[index]

    def _record(self, step: Any, meta: Any) -> None:
        ids = [sample.meta["id"] for sample in unbatch(meta={"meta": meta.numpy()})]
        with self._path.open("a", encoding="utf-8") as file:
            file.write(json.dumps([int(step), ids]) + "\n")


def recorded_samples(log: Path) -> dict[int, list[Any]]:
    """Return the ids of each step of a training, joined over all its runs.

    Raises:
        AssertionError: A step that was trained twice saw other samples, or steps are missing.
    """
    steps: dict[int, list[Any]] = {}
    for step, ids in _whole_lines(log):
        assert steps.setdefault(step, ids) == ids, f"step {step} saw {steps[step]}, then {ids}"
    assert sorted(steps) == list(range(len(steps))), f"steps are missing: {sorted(steps)}"
    return dict(sorted(steps.items()))


def _whole_lines(log: Path) -> Iterable[tuple[int, list[Any]]]:
    for line in log.read_text(encoding="utf-8").splitlines(keepends=True):
        if line.endswith("\n"):  # a kill may cut the last one off
            step, ids = json.loads(line)
            yield step, ids
