"""Validate the prediction graph with all metrics and the evaluator, now and then during a training."""

import contextlib
import copy
import logging
from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, Any, Dict, Optional

import keras
import numpy as np

from tfaip.lav.lav import LAV
from tfaip.lav.result import LAVResult, is_number
from tfaip.trainer import stop_signals
from tfaip.trainer.callbacks.extract_logs import ExtractLogsCallback
from tfaip.trainer.params import TrainerParams

if TYPE_CHECKING:
    from tfaip.scenario.scenariobase import ScenarioBase

logger = logging.getLogger(__name__)


class LAVCallback(keras.callbacks.Callback):
    """At the end of an epoch: run LAV on each data set of `lav_gen`, and add the results to the logs.

    The values of the k-th data set are called `lav_l<k>_<name>`; every later callback sees them, so each may
    decide which model is the best. It uses the weights that the model holds at that moment, the params of the
    validation pipeline, and metrics of its own. The training is not changed by it.

    Args:
        trainer_params: The live params of the training.
        scenario: What is trained.
        extract_logs_cb: Receives what only TensorBoard shows.
        paused: Returns a context in which no training samples are read: the processors of both may draw from
            the same random numbers.
    """

    def __init__(
        self,
        trainer_params: TrainerParams,
        scenario: "ScenarioBase[Any, Any]",
        extract_logs_cb: ExtractLogsCallback,
        paused: Callable[[], AbstractContextManager[Any]] = contextlib.nullcontext,
    ) -> None:
        super().__init__()
        self.trainer_params = trainer_params
        self.scenario = scenario
        self._extract = extract_logs_cb
        self._paused = paused
        self._lav: Optional[LAV] = None

    def on_epoch_begin(self, epoch: int, logs: Optional[Dict[str, Any]] = None) -> None:
        """Do nothing."""

    def on_epoch_end(self, epoch: int, logs: Optional[Dict[str, Any]] = None) -> None:
        """Run LAV if this epoch is one for it, and add the results to `logs`."""
        if not is_lav_epoch(epoch, self.trainer_params):
            return
        generators = self.trainer_params.gen.lav_gen()
        if self._lav is None:
            self._lav = self._create_lav()
        with self._paused(), stop_signals.breaking_off():
            results = self._lav.run(
                generators,
                keras_model=self.scenario.keras_predict_model,
                run_eagerly=self.trainer_params.force_eager,
                return_tensorboard_outputs=True,
            )
            for number, result in enumerate(results):
                speed = self._lav.benchmark_results.summary()
                logger.info("LAV of data set %d: %s; %s", number, result.one_line(), speed)
                self._add(f"lav_l{number}_", result, {} if logs is None else logs)

    def _create_lav(self) -> LAV:
        params, scenario_cls = self.trainer_params, type(self.scenario)
        lav_params = scenario_cls.lav_cls().params_cls()(
            pipeline=copy.deepcopy(params.gen.setup.val),
            model_path=params.output_dir or ".",  # of no importance: the model is at hand
            device=copy.deepcopy(params.device),
            silent=True,
            store_results=False,
        )
        return scenario_cls.create_lav(lav_params, self.scenario.params)

    def _add(self, prefix: str, result: LAVResult, logs: Dict[str, Any]) -> None:
        handler = self._extract.tensorboard_data_handler
        for name, value in result.items():
            if handler is not None and handler.is_tensorboard_only(name, value):
                self._extract.extracted_logs[prefix + name] = value
            elif is_number(value):
                logs[prefix + name] = value if np.ndim(value) else float(value)


def is_lav_epoch(epoch: int, params: TrainerParams) -> bool:
    """Return whether LAV runs at the end of an epoch, counted from 0: the first, every n-th, and the last.

    With `lav_every_n` 5 and 7 epochs these are 0, 5 and 6, which a log calls 1, 6 and 7.
    """
    every, is_last = params.lav_every_n, epoch == params.epochs - 1
    return every > 0 and epoch >= params.lav_min_epoch and (epoch % every == 0 or is_last)
