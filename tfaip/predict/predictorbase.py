"""What predictors share: samples go through the pipeline into a model, and come back with outputs."""

import copy
import logging
from abc import ABC, abstractmethod
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager, suppress
from typing import TYPE_CHECKING, Any

import numpy as np

from tfaip.data.data import DataBase
from tfaip.data.databaseparams import DataGeneratorParams
from tfaip.data.pipeline.datapipeline import DataPipeline
from tfaip.data.pipeline.definitions import PipelineMode, Sample
from tfaip.data.pipeline.unbatching import unbatch
from tfaip.device.device_config import DeviceConfig
from tfaip.errors import DataError, UsageError
from tfaip.params.post_init import post_init
from tfaip.predict.params import PredictorParams
from tfaip.predict.raw_inputs import RawInputsGenerator
from tfaip.predict.raw_predictor import RawPredictor
from tfaip.predict.read_ahead import ReadAhead
from tfaip.progress import NoProgress, Progress, open_progress
from tfaip.reporting.benchmark import BenchmarkResults
from tfaip.reporting.timing import MeasureTime

if TYPE_CHECKING:  # it loads TensorFlow, which the params of a prediction do not need
    from tfaip.predict.exported_model import ExportedModel

logger = logging.getLogger(__name__)

_BATCHES_AHEAD = 32  # two blocks: one is computed while the other comes together
_BYTES_AHEAD = 64 << 20
_GROUPS_BEHIND = 2

Batch = tuple[dict[str, Any], ...]


class PredictorBase(ABC):
    """Predicts samples with what a training has exported.

    All methods that predict return generators: they read, compute and yield as far as they are asked, in the
    order of the samples. Reading and computing go on in threads while the results are used; they end with the
    generator, also if it is closed early. A yielded sample has arrays without batch axis, still padded:
    `inputs`, `outputs`, `targets` (empty unless `include_targets`), and the `meta` that its source and the
    processors wrote.

    Fields: `benchmark_results` is how fast the latest prediction was, `device_config` what it ran on.
    """

    @classmethod
    def params_cls(cls) -> type[PredictorParams]:
        """Return the class of the params."""
        return PredictorParams

    def __init__(self, params: PredictorParams, data: DataBase[Any], **kwargs: Any) -> None:
        if kwargs:
            raise TypeError(
                f"{type(self).__name__} does not know {sorted(kwargs)}. Take them in its `__init__`, or "
                "remove them from `static_predictor_kwargs` of the scenario."
            )
        params.pipeline.mode = PipelineMode.EVALUATION if params.include_targets else PipelineMode.PREDICTION
        post_init(params)
        self._params = params
        self._data = data
        self.device_config = DeviceConfig(params.device)
        self.benchmark_results = BenchmarkResults()

    @property
    def params(self) -> PredictorParams:
        """The params of the prediction."""
        return self._params

    @property
    def data(self) -> DataBase[Any]:
        """The data whose processors prepare the samples."""
        return self._data

    # Ways to predict

    def predict(self, params: DataGeneratorParams) -> Generator[Sample, None, None]:
        """Yield the samples of a generator with outputs; the pipeline is created at once."""
        return self.predict_pipeline(self._data.create_pipeline(self._params.pipeline, params))

    def predict_raw(self, inputs: Iterable[Any], *, size: int | None = None) -> Generator[Sample, None, None]:
        """Yield a sample with outputs for each of the inputs.

        Args:
            inputs: What the generator of the scenario would put into `Sample.inputs`; read as needed.
            size: Their number for the progress bar, if they have no length.
        """
        return self.predict_pipeline(self.raw_pipeline(inputs, size))

    def predict_pipeline(self, pipeline: DataPipeline[Any]) -> Generator[Sample, None, None]:
        """Yield the samples of a pipeline with outputs, post-processed."""
        self._require_model()
        return self._predict_pipeline(pipeline)

    def predict_dataset(self, dataset: Iterable[Any]) -> Generator[Sample, None, None]:
        """Yield the samples of ready batches with outputs, as the model gives them.

        Args:
            dataset: A `tf.data.Dataset` or other iterable of batches: dicts (inputs, meta), with
                `include_targets` (inputs, targets, meta).

        Raises:
            ValueError: If no model was set.
        """
        self._require_model()
        return self._predict_dataset(dataset)

    def raw(self) -> RawPredictor:
        """Return a `with` block that gives a function from one input to its predicted sample.

        `with predictor.raw() as call: sample = call(inputs)`. The processors are created once.
        """
        self._require_model()
        return RawPredictor(self)

    # What subclasses define

    @abstractmethod
    def _require_model(self) -> None:
        """Raise a `UsageError` unless there is a model."""
        raise NotImplementedError

    @abstractmethod
    def predict_batches(self, batches: Sequence[dict[str, Any]]) -> Sequence[Any]:
        """Return the outputs of each batch of inputs, as arrays; called in a thread of its own."""
        raise NotImplementedError

    @abstractmethod
    def _post_processed(
        self, samples: Iterable[Sample], pipeline: DataPipeline[Any]
    ) -> AbstractContextManager[Iterable[Sample]]:
        """Return a `with` block that gives the post-processed samples."""
        raise NotImplementedError

    @abstractmethod
    def post_processor_of_one(self, pipeline: DataPipeline[Any]) -> Callable[[Sample], Sample | None]:
        """Return the function that post-processes one sample, None if it drops it."""
        raise NotImplementedError

    # Hooks

    def _print_prediction(self, sample: Sample, print_fn: Callable[[str], None]) -> None:
        """Print a finished sample unless `silent`: mean, maximum and minimum of each output."""
        outputs = sample.outputs if isinstance(sample.outputs, dict) else {"output": sample.outputs}
        print_fn("Prediction: " + ", ".join(f"{key} {_summary(value)}" for key, value in outputs.items()))

    def _on_sample_end(self, outputs: Sample) -> None:  # noqa: B027 - a hook
        """Take notice of a finished sample, before it is yielded."""

    def _on_step_end(self, outputs: Sample) -> None:  # noqa: B027 - a hook
        """Take notice of a predicted batch, a sample whose parts are dicts of batched arrays."""

    def _on_predict_end(self) -> None:  # noqa: B027 - a hook
        """Take notice that all samples of a prediction were yielded."""

    # Steps

    def _load_model(self, model: Any) -> "ExportedModel":
        from tfaip.predict.exported_model import ExportedModel  # noqa: PLC0415 - it loads TensorFlow

        return ExportedModel(model, run_eagerly=self._params.run_eagerly)

    def _unwrap_batch(self, inputs: Any, targets: Any, outputs: Any, meta: Any) -> Iterable[Sample]:
        """Return the samples of a predicted batch."""
        return unbatch(inputs=inputs, targets=targets, outputs=outputs, meta=meta)

    def raw_pipeline(self, inputs: Iterable[Any] = (), size: int | None = None) -> DataPipeline[Any]:
        """Return the pipeline of the data, with the given inputs as its source."""
        params = copy.deepcopy(self._params.pipeline)
        params.mode = PipelineMode.PREDICTION  # they have no targets
        generator = RawInputsGenerator(inputs, size)
        pipeline = self._data.create_pipeline(params, generator.params)
        # Whatever class of pipeline the data uses, these are the samples.
        pipeline.create_data_generator = lambda: generator
        return pipeline

    def _predict_pipeline(self, pipeline: DataPipeline[Any]) -> Generator[Sample, None, None]:
        with ExitStack() as stack:
            batches = stack.enter_context(pipeline.generate_input_batches())
            progress = stack.enter_context(self._progress(lambda: len(pipeline.generate_input_samples())))
            predicted = stack.enter_context(self._predicted(batches, progress))
            samples = stack.enter_context(self._post_processed(predicted, pipeline))
            yield from self._finished(samples)

    def _predict_dataset(self, dataset: Iterable[Any]) -> Generator[Sample, None, None]:
        as_arrays = getattr(dataset, "as_numpy_iterator", dataset.__iter__)
        with self._predicted(as_arrays(), NoProgress()) as samples:
            yield from self._finished(samples)

    def predict_batch(self, batch: dict[str, Any]) -> Iterable[Sample]:
        """Return the predicted samples of one batch, its parts given by name, before post-processing."""
        with MeasureTime() as time:
            (outputs,) = self.predict_batches([batch["inputs"]])
        samples = list(self._unwrap_batch(batch["inputs"], batch.get("targets", {}), outputs, batch["meta"]))
        self.benchmark_results.finish_batch(len(samples), time.duration)
        return samples

    def finish(self, sample: Sample) -> None:
        """Show a finished sample to the hooks, and print it unless `silent`."""
        self._on_sample_end(sample)
        if not self._params.silent:
            self._print_prediction(sample, logger.info)

    def _finished(self, samples: Iterable[Sample]) -> Iterator[Sample]:
        for sample in samples:
            self.finish(sample)
            yield sample
        self._on_predict_end()

    @contextmanager
    def _predicted(self, batches: Iterable[Batch], progress: Progress) -> Iterator[Iterator[Sample]]:
        """Give the predicted samples before post-processing.

        One thread reads batches, another computes them, and the caller's makes samples of them.
        """
        results = self.benchmark_results = BenchmarkResults()
        named = map(_parts_by_name, batches)
        if self._params.pipeline.prefetch == 0:
            computed = self._computed(([batch] for batch in named), results)
            yield self._samples(computed, results, progress)
            return
        reader = ReadAhead(
            named,
            max_items=min(_BATCHES_AHEAD, self._params.pipeline.prefetch),
            max_size=_BYTES_AHEAD,
            size_of=_num_bytes,
        )
        model = ReadAhead(
            self._computed(reader.groups(_BATCHES_AHEAD // 2), results), max_items=_GROUPS_BEHIND
        )
        try:
            yield self._samples(model, results, progress)
        finally:
            reader.cancel()  # the model waits for it
            model.close()
            reader.close()

    def _computed(
        self, groups: Iterable[list[dict[str, Any]]], results: BenchmarkResults
    ) -> Iterator[list[Sample]]:
        """Yield predicted batches, in the groups in which they came."""
        for group in groups:
            with MeasureTime() as time:
                outputs = self.predict_batches([batch["inputs"] for batch in group])
            results.add(batches=len(group), samples=0, seconds=time.duration)
            yield [
                Sample(inputs=b["inputs"], targets=b.get("targets", {}), outputs=o, meta=b["meta"])
                for b, o in zip(group, outputs, strict=True)
            ]

    def _samples(
        self, groups: Iterable[list[Sample]], results: BenchmarkResults, progress: Progress
    ) -> Iterator[Sample]:
        """Yield the samples of predicted batches."""
        number = 0
        with MeasureTime() as time:
            try:
                for group in groups:
                    for batch in group:
                        self._on_step_end(batch)
                        for sample in self._unwrap_batch(
                            batch.inputs, batch.targets, batch.outputs, batch.meta
                        ):
                            number += 1
                            yield sample
                        progress.update(number, _no_note)
            finally:
                results.finish_epoch(time.duration_till_now(), number)

    @contextmanager
    def _progress(self, count: Callable[[], int]) -> Iterator[Progress]:
        if not self._params.progress_bar:
            yield NoProgress()
            return
        total = None
        with suppress(UsageError):  # a generator need not know its length
            total = count()
        progress = open_progress(total=total, title="Predict", unit="sample")
        try:
            yield progress
        finally:
            progress.close()


def _parts_by_name(batch: Any) -> dict[str, dict[str, Any]]:
    names = {2: ("inputs", "meta"), 3: ("inputs", "targets", "meta")}
    parts = list(batch) if isinstance(batch, tuple | list) else []
    if len(parts) not in names or not all(isinstance(part, Mapping) for part in parts):
        got = ", ".join(type(part).__name__ for part in parts)
        raise DataError(
            "A batch must be a tuple of dicts, (inputs, meta) or (inputs, targets, meta), got "
            f"{type(batch).__name__}{f' of ({got})' if parts else ''}."
        )
    return {
        name: {key: np.asarray(value) for key, value in part.items()}
        for name, part in zip(names[len(parts)], parts, strict=True)
    }


def _summary(value: Any) -> str:
    array = np.asarray(value)
    if array.dtype.kind not in "biuf" or not array.size:
        return repr(value)
    if array.size == 1:
        return f"{array.item():.6g}"
    return f"mean {array.mean():.4g} max {array.max():.4g} min {array.min():.4g}"


def _num_bytes(batch: dict[str, dict[str, Any]]) -> int:
    return sum(array.nbytes for part in batch.values() for array in part.values())


def _no_note() -> str:
    return ""
