"""Small data sets and processors for the tests of the data room."""

import random
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from paiargparse import pai_dataclass

from tfaip.data.data import DataBase
from tfaip.data.databaseparams import DataBaseParams, DataGeneratorParams, DataPipelineParams
from tfaip.data.pipeline.datagenerator import DataGenerator, RawDataGenerator
from tfaip.data.pipeline.datapipeline import DataPipeline
from tfaip.data.pipeline.definitions import PipelineMode, Sample
from tfaip.data.pipeline.processor.dataprocessor import (
    DataProcessorParams,
    GeneratingDataProcessor,
    MappingDataProcessor,
)
from tfaip.data.pipeline.processor.params import SequentialProcessorPipelineParams
from tfaip.data.specs import TensorSpec

NUMBER = {"x": TensorSpec((1,), "float32")}
LABEL = {"y": TensorSpec((1,), "int32")}


@pai_dataclass
@dataclass
class ToyDataParams(DataBaseParams):
    @staticmethod
    def cls() -> Any:
        return ToyData


class ToyData(DataBase[ToyDataParams]):
    """Data whose specifications are arguments."""

    def __init__(
        self,
        params: ToyDataParams,
        *,
        inputs: Mapping[str, Any] = NUMBER,
        targets: Mapping[str, Any] = LABEL,
        padding: Mapping[str, Any] | None = None,
        length_fn: Callable[..., Any] | None = None,
    ) -> None:
        self._inputs, self._targets, self._padding = inputs, targets, padding or {}
        self._length_fn = length_fn
        super().__init__(params)

    def _input_layer_specs(self) -> Mapping[str, Any]:
        return self._inputs

    def _target_layer_specs(self) -> Mapping[str, Any]:
        return self._targets

    def _padding_values(self) -> Mapping[str, Any]:
        return self._padding

    def element_length_fn(self) -> Callable[..., Any]:
        return super().element_length_fn() if self._length_fn is None else self._length_fn


class ToyGenerator(DataGenerator[Any]):
    """Yields the samples; `promised` is what its length says, `batch_size` makes it yield lists."""

    def __init__(
        self, samples: Sequence[Any], mode: PipelineMode, *, promised: Any = None, batch_size: int = 0
    ) -> None:
        super().__init__(mode, DataGeneratorParams())
        self.samples, self.promised, self.batch_size = samples, promised, batch_size

    def __len__(self) -> int:
        return len(self.samples) if self.promised is None else self.promised

    def yields_batches(self) -> bool:
        return self.batch_size > 0

    def generate(self) -> Iterable[Any]:
        if not self.yields_batches():
            return iter(self.samples)
        starts = range(0, len(self.samples), self.batch_size)
        return (list(self.samples[i : i + self.batch_size]) for i in starts)


class DrawingGenerator(DataGenerator[Any]):
    """Draws random numbers for each sample while the pass goes on."""

    def __len__(self) -> int:
        return 5

    def generate(self) -> Iterator[Sample]:
        for number in range(5):
            yield sample(number + random.random() / 4 + np.random.random() / 4)


class EndlessGenerator(DataGenerator[Any]):
    """Draws one of five numbers again and again."""

    def __len__(self) -> int:
        return 5

    def is_endless(self) -> bool:
        return True

    def generate(self) -> Iterator[Sample]:
        while True:
            yield sample(np.random.randint(5))


class FailingGenerator(DataGenerator[Any]):
    """Raises instead of yielding sample 57."""

    def __len__(self) -> int:
        return 100

    def generate(self) -> Iterator[Sample]:
        yield from numbers(57)
        raise OSError("the disk is gone")


@pai_dataclass
@dataclass
class ToyGeneratorParams(DataGeneratorParams):
    """Params that hold a function from a mode to a generator."""

    source: Any = None

    def create(self, mode: PipelineMode) -> DataGenerator[Any]:
        return self.source(mode)


@pai_dataclass
@dataclass
class NoiseParams(DataProcessorParams):
    @staticmethod
    def cls() -> Any:
        return Noise


class Noise(MappingDataProcessor[NoiseParams]):
    """Adds random numbers below a half to `x`, drawn in each of the ways that are seeded."""

    def apply(self, sample: Sample) -> Sample:
        noise = random.random() / 6 + np.random.random() / 6 + self.random_generator.random() / 6
        return sample.new_inputs({"x": sample.inputs["x"] + noise})


@pai_dataclass
@dataclass
class AddParams(DataProcessorParams):
    amount: float = 1.0

    @staticmethod
    def cls() -> Any:
        return Add


class Add(MappingDataProcessor[AddParams]):
    """Adds a number to `x`; counts how often it is created and applied."""

    created = 0
    applied = 0

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        type(self).created += 1

    def apply(self, sample: Sample) -> Sample:
        type(self).applied += 1
        return sample.new_inputs({"x": sample.inputs["x"] + self.params.amount})


@pai_dataclass
@dataclass
class DropParams(DataProcessorParams):
    numbers: list = field(default_factory=list)

    @staticmethod
    def cls() -> Any:
        return Drop


class Drop(MappingDataProcessor[DropParams]):
    """Drops the samples whose `y` is among the numbers; no number stands for all."""

    def apply(self, sample: Sample) -> Sample:
        is_dropped = not self.params.numbers or sample.targets["y"][0] in self.params.numbers
        return sample.new_invalid() if is_dropped else sample


@pai_dataclass
@dataclass
class FailParams(DataProcessorParams):
    number: int = 3

    @staticmethod
    def cls() -> Any:
        return Fail


class Fail(MappingDataProcessor[FailParams]):
    """Raises at one `y`."""

    def apply(self, sample: Sample) -> Sample:
        if sample.targets["y"][0] == self.params.number:
            raise ZeroDivisionError("nothing to divide by")
        return sample


@pai_dataclass
@dataclass
class RepeatParams(DataProcessorParams):
    noisy: bool = False

    @staticmethod
    def cls() -> Any:
        return Repeat


class Repeat(GeneratingDataProcessor[RepeatParams]):
    """Gives each sample twice, the second time with 0.5 (or noise) added to `x`."""

    def generate(self, samples: Iterable[Sample]) -> Iterator[Sample]:
        for given in samples:
            yield given
            drawn = (random.random(), np.random.random(), self.random_generator.random())
            added = sum(drawn) / 6 if self.params.noisy else 0.5
            yield given.new_inputs({"x": given.inputs["x"] + added})


@pai_dataclass
@dataclass
class SwallowParams(DataProcessorParams):
    @staticmethod
    def cls() -> Any:
        return Swallow


class Swallow(GeneratingDataProcessor[SwallowParams]):
    """Hides the errors of what comes before it."""

    def generate(self, samples: Iterable[Sample]) -> Iterator[Sample]:
        try:
            yield from samples
        except Exception:  # noqa: BLE001 - what the test is about
            return


def sample(x: float, y: int | None = None, **meta: Any) -> Sample:
    """Return a sample of the default specifications; `y` is `x` without its fraction."""
    return Sample(
        inputs={"x": np.array([x], "float32")},
        targets={"y": np.array([int(x) if y is None else y], "int32")},
        meta=meta or None,
    )


def numbers(count: int) -> list[Sample]:
    return [sample(i) for i in range(count)]


def pipeline(
    samples: Any,
    *processors: DataProcessorParams,
    mode: PipelineMode = PipelineMode.TRAINING,
    post_proc: Sequence[DataProcessorParams] = (),
    data: Mapping[str, Any] | None = None,
    run_parallel: bool = False,
    max_tasks_per_process: int = 250,
    **pipeline_params: Any,
) -> DataPipeline[Any]:
    """Return a pipeline of samples, or of what a function from a mode to a generator gives."""
    how: dict[str, Any] = {"run_parallel": run_parallel, "max_tasks_per_process": max_tasks_per_process}
    params = ToyDataParams(
        pre_proc=SequentialProcessorPipelineParams(processors=list(processors), **how),
        post_proc=SequentialProcessorPipelineParams(processors=list(post_proc), **how),
    )
    source = samples if callable(samples) else lambda mode: ToyGenerator(samples, mode)
    return DataPipeline(
        DataPipelineParams(mode=mode, **pipeline_params),
        ToyData(params, **(data or {})),
        ToyGeneratorParams(source=source),
    )


def shuffling(count: int) -> Callable[[PipelineMode], DataGenerator[Any]]:
    """Return the source of a generator that yields `count` numbers, shuffled in training."""
    return lambda mode: RawDataGenerator(numbers(count), mode, DataGeneratorParams())


def values(batches: Iterable[Any], limit: int | None = None) -> list[list[float]]:
    """Return `x` of each batch as plain numbers."""
    found = []
    for batch in batches:
        if len(found) == limit:
            break
        found.append([round(float(v), 4) for v in batch[0]["x"].reshape(-1)])
    return found
