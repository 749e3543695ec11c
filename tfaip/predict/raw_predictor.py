"""One input at a time, through processors that are created once."""

import threading
from collections.abc import Callable
from types import TracebackType
from typing import TYPE_CHECKING, Any

from tfaip.data.pipeline.batching import BatchBuilder
from tfaip.data.pipeline.datapipeline import DataPipeline
from tfaip.data.pipeline.definitions import Sample
from tfaip.data.specs import parts_of_mode
from tfaip.errors import DataError

if TYPE_CHECKING:  # it returns the classes of this module
    from tfaip.predict.predictorbase import PredictorBase


class RawPredictor:
    """Gives a function that predicts one input at a time: `with predictor.raw() as call: call(inputs)`.

    Fields: the `predictor` whose model and data are used.
    """

    def __init__(self, predictor: "PredictorBase") -> None:
        self.predictor = predictor

    def __enter__(self) -> "RawPredictorCaller":
        return RawPredictorCaller(self.predictor)

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc_val: BaseException | None,
        exc_tb: TracebackType | None,
    ) -> None:
        """Do nothing: no thread, process or queue is left open between two calls."""


class RawPredictorCaller:
    """Predicts one input at a time, in the thread that calls; several threads take turns."""

    def __init__(self, predictor: "PredictorBase") -> None:
        pipeline = predictor.raw_pipeline()
        self._predictor = predictor
        self._pre_process = _pre_processor_of_one(pipeline)
        self._batch_of_one = _batcher_of_one(pipeline)
        self._post_process = predictor.post_processor_of_one(pipeline)
        self._lock = threading.Lock()

    def __call__(self, sample: Any) -> Sample:
        """Return the predicted sample for one input.

        Args:
            sample: What the generator of the scenario would put into `Sample.inputs`.

        Raises:
            DataError: If a processor fails or drops the sample; the next call works nevertheless.
        """
        with self._lock:
            prepared = self._pre_process(Sample(inputs=sample, meta={}))
            batch = self._batch_of_one(_not_dropped(prepared, "pre_proc"))
            (predicted,) = self._predictor.predict_batch(batch)
            finished = _not_dropped(self._post_process(predicted), "post_proc")
            self._predictor.finish(finished)
            return finished


def _pre_processor_of_one(pipeline: DataPipeline[Any]) -> Callable[[Sample], Sample | None]:
    """Return the function that pre-processes one sample, None if it drops it."""
    processors = pipeline._input_processors.create(
        pipeline.pipeline_params, pipeline.data_params
    ).apply_on_sample
    generator = pipeline._create_tf_dataset_generator()
    if not generator.is_custom:
        return processors

    def processed(sample: Sample) -> Sample | None:
        prepared = processors(sample)
        numbered = [] if prepared is None else [(0, prepared)]
        return next((sample for _, sample in generator.transform(numbered)), None)

    return processed


def _batcher_of_one(pipeline: DataPipeline[Any]) -> Callable[[Sample], dict[str, Any]]:
    """Return the function that makes a batch of one sample, its parts by name."""
    data, mode = pipeline.data, pipeline.mode
    specs = {"inputs": data.input_layer_specs(), "meta": data.meta_layer_specs()}
    is_custom = pipeline._create_tf_dataset_generator().is_custom
    builder = BatchBuilder(mode, specs, data.padding_values(), meta_as_json=not is_custom)
    return lambda sample: dict(zip(parts_of_mode(mode), builder.build([(0, sample)]), strict=True))


def _not_dropped(sample: Sample | None, where: str) -> Sample:
    if sample is None:
        raise DataError(
            f"A processor in `{where}` dropped the sample, so there is no prediction for it. "
            "`predict_raw` leaves such samples out."
        )
    return sample
