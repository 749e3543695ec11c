"""The `with` blocks in which the processors of a pipeline run."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import closing
from functools import partial
from itertools import count
from types import TracebackType
from typing import TYPE_CHECKING, Any

from tfaip.data.databaseparams import DataPipelineParams, check_remainder
from tfaip.data.pipeline.batching import Batch, BatchBuilder
from tfaip.data.pipeline.cutting import Cutter, StreamPosition, Transform
from tfaip.data.pipeline.datagenerator import DataGenerator, count_samples
from tfaip.data.pipeline.definitions import PipelineMode, Sample, describe_sample
from tfaip.data.pipeline.finiteness import FinitenessReport, find_non_finite
from tfaip.data.pipeline.passes import Passes
from tfaip.data.pipeline.processor.params import DataProcessorPipelineParams
from tfaip.data.pipeline.processor.stages import Numbered
from tfaip.data.pipeline.row_cutting import ParallelCutter
from tfaip.data.pipeline.stream import BatchStream, Positioned
from tfaip.data.specs import parts_of_mode
from tfaip.errors import UsageError

if TYPE_CHECKING:  # the data creates its pipelines; the dataset generator is heavy
    from tfaip.data.data import DataBase
    from tfaip.data.pipeline.tfdatasetgenerator import TFDatasetGenerator


class InputSamplesGenerator:
    """Yields the pre-processed samples of a generator inside a `with` block.

    Fields: `data` and its `data_params`, and the `mode` of the samples.
    """

    def __init__(
        self,
        processor_pipeline_params: DataProcessorPipelineParams,
        data: "DataBase[Any]",
        data_generator: DataGenerator[Any],
        pipeline_params: DataPipelineParams,
        mode: PipelineMode,
        auto_repeat: bool = False,
    ) -> None:
        self.data = data
        self.data_params = data.params
        self.mode = mode
        self._generator = data_generator
        self._pipeline_params = pipeline_params
        self._processors = processor_pipeline_params.create(pipeline_params, data.params)
        self._auto_repeat = auto_repeat
        self._samples: Iterator[Sample] | None = None
        self._report = FinitenessReport(pipeline_params.non_finite, mode)

    def __len__(self) -> int:
        """Return the number of generated samples of a pass, at most the limit."""
        number, limit = count_samples(self._generator), self._pipeline_params.limit
        return min(limit, number) if limit > 0 else number

    def __enter__(self) -> Iterator[Sample]:
        """Return an iterator over the samples; if the generator yields batches, over stacked ones."""
        self._samples = self._stacked() if self._generator.yields_batches() else self._single()
        return self._samples

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc_val: BaseException | None,
        exc_tb: TracebackType | None,
    ) -> None:
        """End what runs for the samples."""
        close = getattr(self._samples, "close", None)
        if close is not None:
            close()

    def stream(
        self,
        *,
        random_seed: int | None = None,
        start: StreamPosition = StreamPosition(),  # noqa: B008 - immutable
        transform: Transform | None = None,
        keep_positions: bool = True,
    ) -> BatchStream:
        """Return the batches of the samples from `start` on.

        Args:
            random_seed: What random numbers are derived from; None leaves them as they are.
            start: A position of a stream with the same params.
            transform: Changes the processed samples of each pass before they are shuffled and stacked.
            keep_positions: Whether the stream will be asked where it is.
        """
        params = self._pipeline_params
        check_remainder(params)
        if transform is not None and self._generator.yields_batches():
            raise UsageError(
                f"the generator `{type(self._generator).__name__}` yields batches, which a dataset generator "
                "with a `_transform` of its own does not take. Let it yield samples."
            )
        passes = self._passes(random_seed)
        open_batches = self._opener(passes, transform)
        return BatchStream(open_batches, start, keep_positions=keep_positions, stop=passes.close)

    def as_dataset(self, tf_dataset_generator: "TFDatasetGenerator") -> Any:
        """Return a `tf.data.Dataset` of the batches, changed by the `_transform` of the generator."""
        transform = tf_dataset_generator.transform if tf_dataset_generator.is_custom else None
        return tf_dataset_generator.batches(self.stream(transform=transform, keep_positions=False))

    def _opener(
        self, passes: Passes, transform: Transform | None
    ) -> Callable[[StreamPosition], Iterator[Positioned]]:
        """Return what opens the batches at a position: built in workers, if that is possible, or here."""
        params = self._pipeline_params
        builder = self._builder(meta_as_json=transform is None)
        in_order = transform is None and params.shuffle_buffer_size <= 1 and not params.bucket_boundaries
        if in_order and passes.row_workers(builder, looks=self._report.looks) is not None:
            return partial(self._built_by_workers, passes, builder)
        cutter = Cutter(
            passes,
            params,
            auto_repeat=self._auto_repeat,
            transform=transform,
            length_fn=self.data.element_length_fn() if params.bucket_boundaries else None,
        )
        return partial(self._built_here, passes, cutter, builder)

    def _built_by_workers(
        self, passes: Passes, builder: BatchBuilder, start: StreamPosition
    ) -> Iterator[Positioned]:
        with passes.in_use():
            workers = passes.row_workers(builder, looks=self._report.looks)
            assert workers is not None  # noqa: S101 - there were some when the stream was made
            cutter = ParallelCutter(
                passes, workers, self._pipeline_params, self._report, auto_repeat=self._auto_repeat
            )
            yield from cutter.cut(start)

    def _built_here(
        self, passes: Passes, cutter: Cutter, builder: BatchBuilder, start: StreamPosition
    ) -> Iterator[Positioned]:
        with passes.in_use():
            for samples, next_start in cutter.cut(start):
                batch = builder.build(samples)
                self._look_at(batch, samples)
                yield batch, next_start

    def _look_at(self, batch: Batch, samples: Sequence[Numbered]) -> None:
        """Report values that are not finite."""
        spots = find_non_finite(batch) if self._report.looks else []
        if spots:
            self._report.add(spots, lambda row: describe_sample(samples[row][1], samples[row][0]))

    def _passes(self, random_seed: int | None = None) -> Passes:
        params = self._pipeline_params
        return Passes(
            self._generator,
            self._processors,
            limit=self._pass_limit(),
            random_seed=random_seed,
            read_ahead=1 if self._generator.yields_batches() else params.batch_size,
        )

    def _pass_limit(self) -> int:
        """Return how many generated samples a pass takes; 0 or less is all of them.

        Where pass follows pass, one of an endless generator is as long as the generator says. So a stream
        that begins in the middle never has to go further back than to the start of a pass.
        """
        generator = self._generator
        if self._auto_repeat and generator.is_endless() and not generator.yields_batches():
            return max(1, len(self))
        return self._pipeline_params.limit

    def _builder(self, *, meta_as_json: bool = True) -> BatchBuilder:
        data = self.data
        specs = {
            "inputs": data.input_layer_specs(),
            "targets": data.target_layer_specs(),
            "meta": data.meta_layer_specs(),
        }
        return BatchBuilder(self.mode, specs, data.padding_values(), meta_as_json=meta_as_json)

    def _single(self) -> Iterator[Sample]:
        with closing(self._passes()) as passes:
            for pass_index in count() if self._auto_repeat else range(1):
                number = 0
                for _, sample in passes.samples(pass_index):
                    number += 1
                    yield sample
                if self._auto_repeat:
                    passes.require_valid(number)

    def _stacked(self) -> Iterator[Sample]:
        with self.stream(keep_positions=False) as batches:
            for batch in batches:
                yield Sample(**dict(zip(parts_of_mode(self.mode), batch, strict=True)))


class OutputSamplesGenerator:
    """Yields post-processed samples inside a `with` block.

    Fields: the `samples` to process and the `data`.
    """

    def __init__(
        self,
        samples: Iterable[Sample],
        processor_pipeline_params: DataProcessorPipelineParams,
        data: "DataBase[Any]",
        pipeline_params: DataPipelineParams,
    ) -> None:
        self.samples = samples
        self.data = data
        self._processors = processor_pipeline_params.create(pipeline_params, data.params)
        self._processed: Iterator[Sample] | None = None

    def __enter__(self) -> Iterator[Sample]:
        """Return an iterator over the processed samples."""
        self._processed = self._processors.apply(self.samples)
        return self._processed

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc_val: BaseException | None,
        exc_tb: TracebackType | None,
    ) -> None:
        """End what runs for the samples."""
        close = getattr(self._processed, "close", None)
        if close is not None:
            close()
