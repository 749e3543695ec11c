"""The front of a data set: samples, batches and datasets of one mode."""

import copy
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from tfaip.data.databaseparams import DataGeneratorParams, DataPipelineParams
from tfaip.data.pipeline.cutting import Transform
from tfaip.data.pipeline.datagenerator import DataGenerator as DataGenerator
from tfaip.data.pipeline.datagenerator import RawDataGenerator
from tfaip.data.pipeline.definitions import PipelineMode, Sample
from tfaip.data.pipeline.preloading import preload_samples
from tfaip.data.pipeline.processor.dataprocessor import DataProcessorBase, DataProcessorParams
from tfaip.data.pipeline.processor.params import (
    DataProcessorPipelineParams,
    SequentialProcessorPipelineParams,
)
from tfaip.data.pipeline.processor.pipeline import DataProcessorPipeline
from tfaip.data.pipeline.runningdatapipeline import InputSamplesGenerator, OutputSamplesGenerator
from tfaip.data.pipeline.stream import BatchStream, StreamPosition

if TYPE_CHECKING:  # the data creates its pipelines; the dataset generator is heavy
    from tfaip.data.data import DataBase
    from tfaip.data.pipeline.tfdatasetgenerator import TFDatasetGenerator

TData = TypeVar("TData", bound="DataBase")


class DataPipeline(Generic[TData]):
    """Leads from a generator's params to samples, batches and datasets of one mode.

    Fields: `pipeline_params` (batch size, limit, ...), the `data` and its `data_params`, `generator_params`,
    and the `mode`. The params of the processors are the objects in the data params: what changes there later
    is seen by processors that are created later.
    """

    def __init__(
        self,
        pipeline_params: DataPipelineParams,
        data_base: TData,
        generator_params: DataGeneratorParams,
        input_processors: DataProcessorPipelineParams | None = None,
        output_processors: DataProcessorPipelineParams | None = None,
    ) -> None:
        self.pipeline_params = pipeline_params
        self.data = data_base
        self.data_params = data_base.params
        self.generator_params = generator_params
        self.mode = pipeline_params.mode
        self._input_processors = self.data_params.pre_proc if input_processors is None else input_processors
        self._output_processors = (
            self.data_params.post_proc if output_processors is None else output_processors
        )
        self._latest_stream: BatchStream | None = None

    def create_data_generator(self) -> DataGenerator[Any]:
        """Return a new generator of samples; override it to use another."""
        return self.generator_params.create(self.mode)

    @property
    def auto_batch(self) -> bool:
        """Whether samples are put together to batches here; a generator may yield batches of its own."""
        return not self.create_data_generator().yields_batches()

    def to_mode(self, mode: PipelineMode) -> "DataPipeline[TData]":
        """Return a pipeline of the same samples for another mode."""
        return type(self)(
            self._params_of_mode(mode),
            self.data,
            self.generator_params,
            self._input_processors,
            self._output_processors,
        )

    # Samples

    def generate_input_samples(self, auto_repeat: bool | None = None) -> InputSamplesGenerator:
        """Return a context that gives an iterator over pre-processed samples; it has a length.

        Args:
            auto_repeat: True yields pass after pass without end.
        """
        return InputSamplesGenerator(
            self._input_processors,
            self.data,
            self.create_data_generator(),
            self.pipeline_params,
            self.mode,
            auto_repeat=bool(auto_repeat),
        )

    def process_output(self, samples: Iterable[Sample]) -> OutputSamplesGenerator:
        """Return a context that gives an iterator over the post-processed `samples`."""
        return OutputSamplesGenerator(samples, self._output_processors, self.data, self.pipeline_params)

    def create_output_pipeline(self) -> DataProcessorPipeline:
        """Return the post-processing as a pipeline of its own."""
        return self._output_processors.create(self.pipeline_params, self.data_params)

    # Batches

    def generate_input_batches(self, auto_repeat: bool | None = None) -> BatchStream:
        """Return a context that gives an iterator over batches of NumPy arrays.

        Args:
            auto_repeat: True yields pass after pass without end.
        """
        return self._stream_of(self.generate_input_samples(auto_repeat), keep_positions=False)

    def batch_stream(
        self,
        *,
        auto_repeat: bool,
        random_seed: int | None = None,
        start: StreamPosition = StreamPosition(),  # noqa: B008 - immutable
    ) -> BatchStream:
        """Return the batches from a position on, of which the stream can tell the positions.

        Args:
            auto_repeat: Whether pass follows pass without end.
            random_seed: What random numbers are derived from; None leaves them as they are.
            start: A position of a stream with the same params; the batches from there on are the same.
        """
        samples = self.generate_input_samples(auto_repeat)
        return self._stream_of(samples, random_seed=random_seed, start=start)

    def dataset_of_stream(self, stream: BatchStream) -> Any:
        """Return a `tf.data.Dataset` of the batches of `stream`, `prefetch` of them read ahead."""
        return self._create_tf_dataset_generator().batches(stream)

    def input_dataset(self, auto_repeat: bool | None = None) -> Any:
        """Return a `tf.data.Dataset` of batches; None if there is no sample.

        Args:
            auto_repeat: True yields pass after pass without end.
        """
        return self.input_dataset_with_len(auto_repeat)[0]

    def input_dataset_with_len(self, auto_repeat: bool | None = None) -> tuple[Any, int]:
        """Return a `tf.data.Dataset` of batches, None if there is no sample, and the number of samples."""
        samples = self.generate_input_samples(auto_repeat)
        number = len(samples)
        if number == 0:
            return None, 0
        return self.dataset_of_stream(self._stream_of(samples, keep_positions=False)), number

    @property
    def stream_error(self) -> Exception | None:
        """What ended the latest stream or dataset of batches early, as itself; None if nothing did.

        TensorFlow passes only the text of an error on.
        """
        return None if self._latest_stream is None else self._latest_stream.error

    def _stream_of(self, samples: InputSamplesGenerator, **kwargs: Any) -> BatchStream:
        self._latest_stream = samples.stream(transform=self._custom_transform(), **kwargs)
        return self._latest_stream

    def _custom_transform(self) -> Transform | None:
        """Return what a subclass does to the samples with TensorFlow, which is loaded for it only."""
        if type(self)._create_tf_dataset_generator is DataPipeline._create_tf_dataset_generator:
            return None
        generator = self._create_tf_dataset_generator()
        return generator.transform if generator.is_custom else None

    def _create_tf_dataset_generator(self) -> "TFDatasetGenerator[Any]":
        """Return what makes the `tf.data.Dataset`; override it to change samples with TensorFlow."""
        from tfaip.data.pipeline.tfdatasetgenerator import TFDatasetGenerator  # Late: TensorFlow.

        return TFDatasetGenerator(self)

    # Preloading

    def as_preloaded(self, progress_bar: bool = True) -> "RawDataPipeline[TData]":
        """Return a pipeline that holds the samples in memory, processed as far as they may be.

        Raises:
            TypeError: if the processors are not a flat list.
        """
        rest: list[DataProcessorParams] = []
        samples = self.preload_input_samples(progress_bar, rest)
        processors = copy.copy(self._sequential_processors())
        processors.processors = rest
        return RawDataPipeline(
            samples,
            self.pipeline_params,
            self.data,
            self.generator_params,
            processors,
            self._output_processors,
        )

    def preload_input_samples(
        self,
        progress_bar: bool = True,
        non_preloadable_params: list[DataProcessorParams] | None = None,
    ) -> list[Sample]:
        """Return all samples of one pass, processed as far as they may be kept.

        Args:
            progress_bar: Whether to show how far it is.
            non_preloadable_params: Gets the params of the processors that were not applied.
        """
        processors = self.flat_input_processors(True, non_preloadable_params)
        is_parallel = self._input_processors.run_parallel
        return preload_samples(
            self.create_data_generator(),
            processors,
            num_processes=self.pipeline_params.num_processes if is_parallel else 1,
            progress_bar=progress_bar,
        )

    def flat_input_processors(
        self,
        preload: bool = False,
        non_preloadable_params: list[DataProcessorParams] | None = None,
    ) -> list[DataProcessorBase[Any]]:
        """Create the processors of this mode.

        Args:
            preload: Stop at the first that does not support preloading.
            non_preloadable_params: Gets the params of that one and of all after it.

        Raises:
            TypeError: if the processors are not a flat list.
        """
        all_params = self._sequential_processors().processors
        created: list[DataProcessorBase[Any]] = []
        for position, params in enumerate(all_params):
            if self.mode not in params.modes:
                continue
            processor = params.create(self.data_params, self.mode)
            if preload and not processor.supports_preload():
                if non_preloadable_params is not None:
                    non_preloadable_params.extend(all_params[position:])
                break
            created.append(processor)
        return created

    def _sequential_processors(self) -> SequentialProcessorPipelineParams:
        if not isinstance(self._input_processors, SequentialProcessorPipelineParams):
            raise TypeError(
                f"preloading needs a flat list of processors, `pre_proc` is "
                f"{type(self._input_processors).__name__}. Use SequentialProcessorPipelineParams."
            )
        return self._input_processors

    def _params_of_mode(self, mode: PipelineMode) -> DataPipelineParams:
        params = copy.deepcopy(self.pipeline_params)
        params.mode = mode
        return params


class RawDataPipeline(DataPipeline[TData]):
    """A pipeline whose samples are in memory; `samples` may be exchanged."""

    def __init__(
        self,
        samples: Sequence[Sample],
        pipeline_params: DataPipelineParams,
        data_base: TData,
        generator_params: DataGeneratorParams,
        input_processors: DataProcessorPipelineParams | None = None,
        output_processors: DataProcessorPipelineParams | None = None,
    ) -> None:
        super().__init__(pipeline_params, data_base, generator_params, input_processors, output_processors)
        self.samples = samples

    def to_mode(self, mode: PipelineMode) -> "RawDataPipeline[TData]":
        """Return a pipeline of the same samples for another mode."""
        return type(self)(
            self.samples,
            self._params_of_mode(mode),
            self.data,
            self.generator_params,
            self._input_processors,
            self._output_processors,
        )

    def create_data_generator(self) -> DataGenerator[Any]:
        """Return a generator of the samples in memory."""
        return RawDataGenerator(self.samples, self.mode, self.generator_params)
