"""Track the best model, export it, and stop when it no longer improves."""

import contextlib
import logging
import math
import os
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, Dict, Optional

import keras
import numpy as np

from tfaip.trainer import stop_signals
from tfaip.trainer.callbacks.earlystopping.params import EarlyStoppingParams
from tfaip.trainer.callbacks.earlystopping.tracking import decide
from tfaip.trainer.callbacks.lav_callback import is_lav_epoch
from tfaip.trainer.callbacks.validate_callback import VALIDATE_PREFIX
from tfaip.trainer.params import TrainerParams
from tfaip.trainer.state import BestState

if TYPE_CHECKING:
    from tfaip.scenario.scenariobase import ScenarioBase

logger = logging.getLogger(__name__)

_VALIDATION = "val_"
_LAV = "lav_"


class EarlyStoppingCallback(keras.callbacks.Callback):
    """After each epoch: is the model better than ever, is it to be exported, is it time to stop.

    The state is read from `trainer_params.early_stopping` and written back there each time, because scenarios
    read it and reset it between two trainings.
    """

    def __init__(self, scenario: "ScenarioBase", trainer_params: TrainerParams):
        super().__init__()
        self._scenario = scenario
        self._trainer_params = trainer_params
        self._params: EarlyStoppingParams = trainer_params.early_stopping
        self._warned_of: set[str] = set()
        self._set_monitor()

    def wants_evaluated_batch(self) -> bool:
        """Return whether there are no samples yet on which exports are compared."""
        return not self._scenario.compared_samples.batches

    def on_evaluated_batch(self, inputs: Any, targets: Any, outputs: Any, meta: Any) -> bool:
        """Keep samples on which exports are compared; return whether more are wanted."""
        self._scenario.compared_samples.keep({**targets, **inputs}, "validation")
        return self.wants_evaluated_batch()

    def on_epoch_end(self, epoch: int, logs: Optional[Dict[str, Any]] = None) -> None:
        """Decide by the monitored value of this epoch."""
        value = self._monitored(epoch, logs or {})
        if value is not None:
            self._judge(value, epoch)

    def on_step_validation(self, epoch: int, done: int, logs: Dict[str, Any]) -> None:
        """Decide by a validation within an epoch, if the monitored value is one of it."""
        every = self._trainer_params.val_every_n_steps
        if not (self._params.monitor or "").startswith(_VALIDATION):
            return
        value = self._monitored(epoch, logs)
        if value is not None:
            step = epoch * self.params["steps"] + done  # type: ignore[index]
            with self._model_as_judged():
                self._judge(value, step // every - 1 if every > 0 else epoch)

    @contextlib.contextmanager
    def _model_as_judged(self) -> Iterator[None]:
        """Let the model hold the weights that were validated, which may be averages."""
        average = self.model.weight_average  # type: ignore[union-attr]
        with contextlib.nullcontext() if average is None else average.active():
            yield

    def _judge(self, value: float, number: int) -> None:
        """Decide by a value; `number` counts the validations from 0."""
        decision = decide(BestState.read(self._params), value, number, self._params)
        decision.best.write(self._params)
        if decision.is_better:
            logger.info("Best so far: %s %.6g", decision.best.monitor, value)
            self._export()
        if decision.stop_reason:
            logger.info("Training stops early: %s.", decision.stop_reason)
            self.model.stop_training = True  # type: ignore[union-attr]

    def _set_monitor(self) -> None:
        if self._params.mode is None or self._params.monitor is None:
            mode, monitor = self._scenario.best_logging_settings()
            prefixed = monitor.startswith((_VALIDATION, VALIDATE_PREFIX, _LAV))
            self._params.mode = mode
            self._params.monitor = monitor if prefixed else _VALIDATION + monitor

    def _monitored(self, epoch: int, logs: Dict[str, Any]) -> Optional[float]:
        monitor = self._params.monitor or ""
        for name in (monitor, f"{monitor}_loss", f"{monitor}_metric"):
            if name in logs:
                self._params.monitor = name
                return self._judged(name, float(np.mean(logs[name])))
        if self._is_expected(monitor, epoch, logs):
            self._report_missing(monitor, logs)
        return None

    def _is_expected(self, monitor: str, epoch: int, logs: Dict[str, Any]) -> bool:
        """Return whether the value ought to be there; not every epoch has a validation."""
        if monitor.startswith(_LAV):
            return self._trainer_params.lav_every_n < 1 or is_lav_epoch(epoch, self._trainer_params)
        is_validated = any(name.startswith(_VALIDATION) for name in logs)
        return is_validated or not monitor.startswith(_VALIDATION)

    def _report_missing(self, monitor: str, logs: Dict[str, Any]) -> None:
        """Say once that the value is never there."""
        if monitor in self._warned_of:
            return
        self._warned_of.add(monitor)
        logger.error(
            "`%s`, which decides on the best model, is not logged; there are: %s. "
            "Correct `_best_logging_settings` of the model; names with `lav_` need `--trainer.lav_every_n`.",
            monitor,
            ", ".join(sorted(logs)),
        )

    def _judged(self, name: str, value: float) -> float:
        """Return the value, or NaN, which is never better, for a model that nobody could use."""
        if not math.isfinite(value):
            logger.warning("`%s` is %s; it does not count as better.", name, value)
            return value
        spoiled = self.model.spoiled_weights  # type: ignore[union-attr]
        if spoiled:
            logger.warning("There are NaN or infinite numbers in %s; `%s` does not count.", spoiled[0], name)
            return math.nan
        return value

    def _export(self) -> None:
        folder = self._params.best_model_output_dir or self._trainer_params.output_dir
        if self._trainer_params.export_best and folder:
            path = os.path.join(folder, self._params.best_model_name)
            with stop_signals.breaking_off():
                self._scenario.export(path, self._trainer_params)
