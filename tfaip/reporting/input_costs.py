"""What each part of an input pipeline costs for a sample, measured in this process, one after another."""

import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import count, cycle, islice
from typing import Any

from tfaip.data.pipeline.batching import Batch, BatchBuilder
from tfaip.data.pipeline.datapipeline import DataPipeline
from tfaip.data.pipeline.definitions import PipelineMode, Sample
from tfaip.data.pipeline.processor.stages import GeneratingGroup, ProcessorGroup
from tfaip.data.pipeline.stream import BatchStream, StreamPosition
from tfaip.params.enums import StrEnum

_LARGEST_KEPT = 16  # batches that are sent into TensorFlow again and again


class Part(StrEnum):
    """A part of an input pipeline."""

    GENERATOR = "generator"
    PROCESSOR = "processor"
    BATCHING = "batching"
    TENSORFLOW = "into TensorFlow"


@dataclass(frozen=True)
class Cost:
    """The seconds that a part takes for a sample that reaches a batch; `name` is that of its class."""

    part: Part
    name: str
    seconds: float


@dataclass(frozen=True)
class InputCosts:
    """The costs of all parts, in the order in which a sample meets them.

    Fields: `num_samples` is how many were measured.
    """

    costs: tuple[Cost, ...]
    num_samples: int

    def of(self, *parts: Part) -> float:
        """Return the seconds of some parts for a sample; of all, if none is named."""
        return sum(cost.seconds for cost in self.costs if not parts or cost.part in parts)


def measure_costs(pipeline: DataPipeline[Any], *, seconds: float = 1.0) -> InputCosts:
    """Run the parts of a pipeline in this process for about `seconds`, and return what they cost.

    The first batch is not counted: files and libraries are cold. Where a scenario changes samples with
    TensorFlow, only what happens before is measured.

    Args:
        pipeline: The pipeline; its generator is created anew.
        seconds: How long generator, processors and batching run together.
    """
    meter = _Meter()
    source = _MeteredParts(pipeline, meter)
    batches = source.batches()
    kept = list(islice(batches, 1))
    if not kept:
        return InputCosts((), 0)
    meter.reset()
    number, started = 0, time.perf_counter()
    for batch in batches:
        number += len(batch) if source.is_custom else num_samples(batch)
        if len(kept) < _LARGEST_KEPT:
            kept.append(batch)
        if time.perf_counter() - started > seconds:
            break
    costs = [Cost(place.part, place.name, spent / number) for place, spent in meter.seconds.items()]
    if not source.is_custom:
        costs.append(Cost(Part.TENSORFLOW, "tf.data", _seconds_into_tensorflow(pipeline, kept, seconds / 2)))
    return InputCosts(tuple(costs), number)


def num_samples(batch: Sequence[Any]) -> int:
    """Return the number of samples in a batch of arrays or tensors."""
    return next(len(array) for part in batch for array in part.values())


@dataclass(frozen=True, eq=False)
class _Place:
    """One of the parts; a class of processors may have several."""

    part: Part
    name: str


class _Meter:
    """A stopwatch for nested places: time counts for the innermost one that was entered."""

    def __init__(self) -> None:
        self.seconds: dict[_Place, float] = {}
        self._entered: list[_Place] = []
        self._since = 0.0

    def place(self, part: Part, of: Any) -> _Place:
        """Return a new place, which comes after those before."""
        place = _Place(part, type(of).__name__)
        self.seconds[place] = 0.0
        return place

    def reset(self) -> None:
        """Forget what was measured."""
        self.seconds = dict.fromkeys(self.seconds, 0.0)

    def enter(self, place: _Place) -> None:
        """Let time count for `place` from now on."""
        self._count()
        self._entered.append(place)

    def leave(self) -> None:
        """Let time count again for the place around the last one."""
        self._count()
        self._entered.pop()

    def metered(self, place: _Place, items: Iterable[Any]) -> Iterator[Any]:
        """Yield the items; the time to make them counts for `place`."""
        iterator = iter(items)
        while True:
            self.enter(place)
            try:
                item = next(iterator)
            except StopIteration:
                return
            finally:
                self.leave()
            yield item

    def _count(self) -> None:
        now = time.perf_counter()
        if self._entered:
            self.seconds[self._entered[-1]] += now - self._since
        self._since = now


class _MeteredParts:
    """The parts of a pipeline, created in this process.

    Fields: `is_custom` is whether the scenario changes samples with TensorFlow; `batches` then yields lists
    of processed samples.
    """

    def __init__(self, pipeline: DataPipeline[Any], meter: _Meter) -> None:
        self._meter = meter
        self._mode = pipeline.mode
        self._batch_size = pipeline.pipeline_params.batch_size
        self._generator = pipeline.create_data_generator()
        self._source = meter.place(Part.GENERATOR, self._generator)
        processors = pipeline._input_processors.create(pipeline.pipeline_params, pipeline.data_params)
        self._steps = [step for group in processors.pipeline for step in self._steps_of(group)]
        self.is_custom = pipeline._custom_transform() is not None
        self._builder = _builder(pipeline)
        self._batching = None if self.is_custom else meter.place(Part.BATCHING, self._builder)

    def batches(self) -> Iterator[Any]:
        """Yield batches, pass after pass; nothing if there is no sample."""
        for _ in count():
            is_empty = True
            for samples in filter(None, self._lists()):
                is_empty = False
                yield samples if self._batching is None else self._built(samples, self._batching)
            if is_empty:
                return

    def _lists(self) -> Iterator[list[Sample]]:
        """Yield the processed samples of a pass, cut to batches."""
        generated = self._meter.metered(self._source, self._generator.generate())
        if self._generator.yields_batches():
            yield from (list(self._processed(samples)) for samples in generated)
            return
        processed = self._processed(generated)
        while samples := list(islice(processed, self._batch_size)):
            yield samples

    def _processed(self, samples: Iterable[Sample]) -> Iterator[Sample]:
        samples = _valid(samples, self._mode)
        for step in self._steps:
            samples = _valid(step(samples), self._mode)
        return iter(samples)

    def _steps_of(self, group: ProcessorGroup) -> Iterator[Any]:
        if isinstance(group, GeneratingGroup):
            yield from self._steps_of(group.before)
            yield self._generating_step(group.create_generating())
            yield from self._steps_of(group.after)
        else:
            yield from map(self._mapping_step, group.create_processor_fn().processors)

    def _generating_step(self, processor: Any) -> Any:
        place = self._meter.place(Part.PROCESSOR, processor)
        return lambda samples: self._meter.metered(place, processor.generate(samples))

    def _mapping_step(self, processor: Any) -> Any:
        place = self._meter.place(Part.PROCESSOR, processor)
        return lambda samples: self._meter.metered(place, map(processor.apply_on_sample, samples))

    def _built(self, samples: Sequence[Sample], place: _Place) -> Batch:
        self._meter.enter(place)
        try:
            return self._builder.build(list(enumerate(samples)))
        finally:
            self._meter.leave()


def _valid(samples: Iterable[Sample | None], mode: PipelineMode) -> Iterator[Sample]:
    return (sample for sample in samples if sample is not None and sample.is_valid(mode))


def _builder(pipeline: DataPipeline[Any]) -> BatchBuilder:
    data = pipeline.data
    specs = {
        "inputs": data.input_layer_specs(),
        "targets": data.target_layer_specs(),
        "meta": data.meta_layer_specs(),
    }
    return BatchBuilder(pipeline.mode, specs, data.padding_values())


def _seconds_into_tensorflow(pipeline: DataPipeline[Any], batches: Sequence[Batch], seconds: float) -> float:
    """Return what the way of ready batches into a `tf.data.Dataset` takes for a sample."""
    endless = BatchStream(
        lambda _: ((batch, (0, 0, 0)) for batch in cycle(batches)), StreamPosition(), keep_positions=False
    )
    with endless:
        elements = iter(pipeline.dataset_of_stream(endless))
        next(elements)
        number, started = 0, time.perf_counter()
        while time.perf_counter() - started < seconds:
            number += num_samples(next(elements))
        return (time.perf_counter() - started) / number
