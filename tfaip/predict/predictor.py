"""Predicts with one model."""

import os
from collections.abc import Callable, Iterable, Sequence
from contextlib import AbstractContextManager
from typing import Any

from tfaip.data.pipeline.datapipeline import DataPipeline
from tfaip.data.pipeline.definitions import Sample
from tfaip.errors import UsageError
from tfaip.predict.predictorbase import PredictorBase


class Predictor(PredictorBase):
    """Predicts with one model.

    `ScenarioBase.create_predictor` returns one that is ready; otherwise call `set_model`.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._model: Any = None
        self._exported: Any = None

    def set_model(self, model: Any) -> None:
        """Set the model.

        Args:
            model: The folder of a SavedModel or of an export, or a Keras model from the dict of inputs to the
                dict of outputs.
        """
        self._exported = self._load_model(model)
        self._model = self._exported if isinstance(model, str | os.PathLike) else model

    @property
    def model(self) -> Any:
        """The Keras model that was set, or what was loaded from a folder; call it with the dict of inputs."""
        return self._model

    def predict_batches(self, batches: Sequence[dict[str, Any]]) -> Sequence[Any]:
        """Return the outputs of each batch of inputs, as arrays."""
        from tfaip.predict.blocks import predict_batches  # noqa: PLC0415 - it loads TensorFlow

        return predict_batches(self._exported, batches)

    def post_processor_of_one(self, pipeline: DataPipeline[Any]) -> Callable[[Sample], Sample | None]:
        """Return the function that post-processes one sample, None if it drops it."""
        return pipeline.create_output_pipeline().apply_on_sample

    def _require_model(self) -> None:
        if self._exported is None:
            raise UsageError(
                f"The {type(self).__name__} has no model. Call `set_model` first, or let `create_predictor` "
                "of the scenario make the predictor."
            )

    def _post_processed(
        self, samples: Iterable[Sample], pipeline: DataPipeline[Any]
    ) -> AbstractContextManager[Iterable[Sample]]:
        return pipeline.process_output(samples)
