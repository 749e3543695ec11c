"""Batches and samples enter a `tf.data.Dataset`."""

import math
import time
from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING, Any, Generic, TypeVar

import numpy as np
import tensorflow as tf

from tfaip.data.databaseparams import DataPipelineParams
from tfaip.data.keras_inputs import tf_specs
from tfaip.data.pipeline.batching import Batch, BatchBuilder
from tfaip.data.pipeline.definitions import PipelineMode, Sample
from tfaip.data.pipeline.processor.stages import Numbered
from tfaip.data.pipeline.stream import BatchStream
from tfaip.data.specs import parts_of_mode

if TYPE_CHECKING:  # the pipeline creates its dataset generator
    from tfaip.data.pipeline.datapipeline import DataPipeline

# The way of one element into TensorFlow took 0.24 ms of processor time, a sixteenth of a block 0.08 ms.
_LARGEST_BLOCK = 16
_BLOCK_BYTES = 4 << 20  # above, copying a block costs more than its way
_AHEAD_BYTES = 1 << 28  # more is not faster, but takes memory, and seconds to make it
_SLOW_SECONDS = 0.005  # a batch that takes longer gains nothing in a block, but would wait for others
_TEXT_BYTES = 64  # a guess

TDataPipeline = TypeVar("TDataPipeline", bound="DataPipeline")


class TFDatasetGenerator(Generic[TDataPipeline]):
    """Makes the `tf.data.Dataset` of a pipeline.

    Subclass it to change the samples with TensorFlow: override `_transform`, return an object of the subclass
    from `DataPipeline._create_tf_dataset_generator`, and if samples look different before, override the
    `dataset_*_layer_specs` of the data.

    Fields: the `mode` of the samples.
    """

    def __init__(self, data_pipeline: TDataPipeline) -> None:
        self.data_pipeline = data_pipeline
        self.mode = data_pipeline.mode

    @property
    def data_params(self) -> Any:
        """The params of the data."""
        return self.data_pipeline.data_params

    def input_layer_specs(self) -> dict[str, Any]:
        """Return what the inputs of a sample look like before `_transform`."""
        return self.data_pipeline.data.dataset_input_layer_specs()

    def target_layer_specs(self) -> dict[str, Any]:
        """Return what the targets of a sample look like before `_transform`."""
        return self.data_pipeline.data.dataset_target_layer_specs()

    def meta_layer_specs(self) -> dict[str, Any]:
        """Return what the meta data of a sample look like before `_transform`."""
        return self.data_pipeline.data.dataset_meta_layer_specs()

    def _transform(self, dataset: tf.data.Dataset) -> tf.data.Dataset:
        """Return the dataset of changed samples, in the structure of the specifications; override it.

        The elements are not batched: a tuple of dicts, (inputs, targets, meta) with what the mode has.
        Called once for each pass.
        """
        return dataset

    def create(
        self, generator_fn: Callable[[], Iterable[Sample]], yields_batches: bool = False
    ) -> tf.data.Dataset:
        """Return a dataset of the samples that `generator_fn` returns, after `_transform`.

        Args:
            generator_fn: Returns processed samples; called when the dataset is iterated.
            yields_batches: Whether the samples are stacked batches already.
        """
        specs = self._specs()
        builder = BatchBuilder(self.mode, specs, {})

        def elements() -> Iterator[Any]:
            for index, sample in enumerate(generator_fn()):
                if yields_batches:
                    yield tuple(getattr(sample, part) for part in parts_of_mode(self.mode))
                else:
                    batch = builder.build([(index, sample)])
                    yield tuple({key: value[0] for key, value in part.items()} for part in batch)

        signature = tuple(tf_specs(specs[part]) for part in parts_of_mode(self.mode))
        if not yields_batches:
            signature = tf.nest.map_structure(
                lambda spec: tf.TensorSpec(spec.shape[1:], spec.dtype, spec.name), signature
            )
        return self._transform(tf.data.Dataset.from_generator(elements, output_signature=signature))

    @property
    def is_custom(self) -> bool:
        """Whether the samples are changed on their way."""
        base = TFDatasetGenerator
        return type(self)._transform is not base._transform or type(self).create is not base.create

    def transform(self, samples: Iterable[Numbered]) -> Iterator[Numbered]:
        """Yield the samples of one pass after `_transform`, as NumPy arrays; an error is raised as itself."""
        errors: list[Exception] = []

        def remembered() -> Iterator[Sample]:
            try:
                for _, sample in samples:
                    yield sample
            except Exception as error:
                errors.append(error)
                raise

        parts = parts_of_mode(self.mode)
        try:
            for index, element in enumerate(self.create(remembered).as_numpy_iterator()):
                yield index, Sample(**dict(zip(parts, element, strict=True)))
        except tf.errors.OpError as error:
            raise errors[0] if errors else error from error

    def batches(self, stream: BatchStream) -> tf.data.Dataset:
        """Return a dataset of the batches of `stream`; each iteration reads the stream anew.

        About `prefetch` batches are read ahead, fewer if they are large. Small ones enter TensorFlow several
        at a time.
        """
        data, params = self.data_pipeline.data, self.data_pipeline.pipeline_params
        specs = {
            "inputs": data.input_layer_specs(),
            "targets": data.target_layer_specs(),
            "meta": data.meta_layer_specs(),
        }
        signature = tuple(tf_specs(specs[part]) for part in parts_of_mode(self.mode))
        size = _batch_bytes(signature, params)
        ahead = params.prefetch if size is None else min(params.prefetch, max(1, _AHEAD_BYTES // size))
        # Whoever waits for a prediction may not send more samples before it arrives.
        together = ahead // 2 if size is not None and self.mode != PipelineMode.PREDICTION else 0
        if size is not None and together > 1 and size <= _BLOCK_BYTES // 2:
            block_size = min(_LARGEST_BLOCK, together, _BLOCK_BYTES // size)
            dataset = _from_blocks(stream, signature, block_size)
            return dataset.prefetch(ahead - block_size)
        dataset = tf.data.Dataset.from_generator(lambda: iter(stream), output_signature=signature)
        return dataset.prefetch(ahead) if ahead > 0 else dataset

    def _specs(self) -> dict[str, dict[str, Any]]:
        return {
            "inputs": self.input_layer_specs(),
            "targets": self.target_layer_specs(),
            "meta": self.meta_layer_specs(),
        }


def _from_blocks(stream: BatchStream, signature: Any, block_size: int) -> tf.data.Dataset:
    """Return a dataset of the batches of `stream`, of which up to `block_size` enter TensorFlow together."""
    blocks = tf.nest.map_structure(
        lambda spec: tf.TensorSpec((None, *spec.shape), spec.dtype, spec.name), signature
    )
    dataset = tf.data.Dataset.from_generator(
        lambda: in_blocks(iter(stream), block_size), output_signature=blocks
    )
    return dataset.unbatch()


def in_blocks(batches: Iterable[Batch], block_size: int) -> Iterator[Batch]:
    """Yield the batches stacked along a new first axis, up to `block_size` together.

    Only batches of the same number of samples go together, and only while they come fast: a slow one is
    given at once.
    """
    for group in _groups(iter(batches), block_size):
        yield tuple(
            {key: np.stack([batch[number][key] for batch in group]) for key in part}
            for number, part in enumerate(group[0])
        )


def _groups(batches: Iterator[Batch], group_size: int) -> Iterator[list[Batch]]:
    group: list[Batch] = []
    asked = time.monotonic()
    try:
        for batch in batches:
            took_seconds = time.monotonic() - asked
            if group and _num_samples(batch) != _num_samples(group[0]):
                yield group
                group = []
            group.append(batch)
            if len(group) == group_size or took_seconds > _SLOW_SECONDS:
                yield group
                group = []
            asked = time.monotonic()
    except Exception:
        if group:
            yield group  # what came before the error is not lost
        raise
    if group:
        yield group


def _batch_bytes(signature: Any, params: DataPipelineParams) -> int | None:
    """Return the size of a batch, None if batches differ in shape."""
    specs = tf.nest.flatten(signature)
    if params.bucket_boundaries or any(None in spec.shape[1:] for spec in specs):
        return None
    sample_bytes = sum(math.prod(spec.shape[1:]) * _num_bytes(spec.dtype) for spec in specs)
    return params.batch_size * max(1, sample_bytes)


def _num_samples(batch: Batch) -> int:
    return next(len(array) for part in batch for array in part.values())


def _num_bytes(dtype: tf.DType) -> int:
    return _TEXT_BYTES if dtype == tf.string else dtype.size
