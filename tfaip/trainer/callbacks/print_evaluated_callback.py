"""Show in readable form what a model makes of a few validation samples."""

import logging
from typing import Any

import keras

from tfaip.data.data import DataBase
from tfaip.data.pipeline.datapipeline import DataPipeline
from tfaip.data.pipeline.unbatching import unbatch
from tfaip.model.modelbase import ModelBase

logger = logging.getLogger(__name__)


class PrintEvaluatedCallback(keras.callbacks.Callback):
    """Print the first samples of each validation by `_print_evaluate` of the model.

    Args:
        model: The scenario's model.
        data: The scenario's data.
        pipeline: Its post-processing is applied before.
        limit: Samples to print; -1 for all.
    """

    def __init__(self, model: ModelBase, data: DataBase, pipeline: DataPipeline, limit: int):
        super().__init__()
        self._scenario_model = model
        self._data = data
        self._pipeline = pipeline
        self._limit = limit
        self._left = limit

    def on_test_begin(self, logs: Any = None) -> None:
        """Start counting anew."""
        self._left = self._limit

    def wants_evaluated_batch(self) -> bool:
        """Return whether there are samples left to print."""
        return self._left != 0

    def on_evaluated_batch(self, inputs: Any, targets: Any, outputs: Any, meta: Any) -> bool:
        """Print samples of a batch; return whether more are wanted."""
        samples = list(unbatch(inputs=inputs, targets=targets, outputs=outputs, meta=meta))
        if self._left > 0:
            samples = samples[: self._left]
            self._left -= len(samples)
        with self._pipeline.process_output(samples) as processed:
            for sample in processed:
                self._scenario_model.print_evaluate(sample, self._data, print_fn=logger.info)
        return self.wants_evaluated_batch()
