"""Which processors share a stage, and how a stage runs.

A group holds params only, so that it can be sent to another process; its processors are created where it
runs. `start` is the one place that decides where that is.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import groupby
from typing import TYPE_CHECKING, Any

from tfaip.data.pipeline.definitions import PipelineMode, Sample, describe_sample
from tfaip.data.pipeline.processor.dataprocessor import (
    DataProcessorParams,
    GeneratingDataProcessor,
    MappingDataProcessor,
    SequenceProcessor,
    is_valid_sample,
    processor_failure,
)
from tfaip.data.pipeline.processor.params import (
    ComposedProcessorPipelineParams,
    DataProcessorPipelineParams,
)
from tfaip.data.pipeline.seeding import PassSeeds, StageSeeds
from tfaip.errors import DataError, TfaipError, UsageError

if TYPE_CHECKING:  # the data params hold processor params
    from tfaip.data.databaseparams import DataBaseParams

Numbered = tuple[int, Sample]  # a sample with its index in the pass


class MappingGroup:
    """Neighbouring processors that each map one sample to one."""

    is_mapping = True

    def __init__(
        self,
        processors: Sequence[DataProcessorParams],
        data_params: "DataBaseParams | None",
        mode: PipelineMode,
    ) -> None:
        self.processors = list(processors)
        self.data_params = data_params
        self.mode = mode

    def create_processor_fn(self) -> SequenceProcessor:
        """Create the processors."""
        created = [_create(params, self.data_params, self.mode) for params in self.processors]
        return SequenceProcessor(self.processors, self.mode, created)


class GeneratingGroup:
    """One processor that reads many samples and writes many, with mapping ones before and after it."""

    is_mapping = False

    def __init__(self, before: MappingGroup, generating: DataProcessorParams, after: MappingGroup) -> None:
        self.before = before
        self.generating = generating
        self.after = after
        self.mode = before.mode

    def create_generating(self) -> GeneratingDataProcessor[Any]:
        """Create the processor in the middle."""
        return _create(self.generating, self.before.data_params, self.mode)


ProcessorGroup = MappingGroup | GeneratingGroup


def create_groups(
    params: DataProcessorPipelineParams, data_params: "DataBaseParams | None", mode: PipelineMode
) -> list[ProcessorGroup]:
    """Return the groups of those processors that take part in `mode`; groups without any vanish."""
    if isinstance(params, ComposedProcessorPipelineParams):
        composed = [_of_mode(group.processors, mode) for group in params.pipelines]
        return [_group_by_hand(group, data_params, mode) for group in composed if group]
    return _neighbours(_of_mode(params.flatten_processors(), mode), data_params, mode)


class RunningGroup:
    """A group whose processors exist, in this process; one object serves many passes."""

    def __init__(self, group: ProcessorGroup) -> None:
        if isinstance(group, MappingGroup):
            self._steps: list[_Step] = [_mapping(group)]
        else:
            self._steps = [_mapping(group.before), _generating(group), _mapping(group.after)]

    def run(
        self, samples: Iterable[Numbered], seeds: PassSeeds | None, first_stage: int
    ) -> Iterator[Numbered]:
        """Return the samples of one pass, processed; invalid ones are dropped."""
        for number, step in enumerate(self._steps, start=first_stage):
            samples = step(samples, seeds and seeds.stage(number))
        return iter(samples)

    @property
    def num_stages(self) -> int:
        """How many stages are seeded on their own."""
        return len(self._steps)


def start(group: ProcessorGroup, run_parallel: bool | None = None) -> RunningGroup:
    """Return the group ready to run.

    The one place that knows where a group runs: in the process that asks, with or without `run_parallel`.
    """
    return RunningGroup(group)


_Step = Callable[[Iterable[Numbered], StageSeeds | None], Iterator[Numbered]]


def _mapping(group: MappingGroup) -> _Step:
    sequence = group.create_processor_fn()

    def run(samples: Iterable[Numbered], seeds: StageSeeds | None) -> Iterator[Numbered]:
        apply, mode = sequence.apply_numbered, sequence.mode
        for index, sample in samples:
            if seeds is not None:
                seeds.seed(index)
            processed = apply(sample, index)
            if processed is not None and processed.is_valid(mode):
                yield index, processed

    # Without processors there is nothing to seed and nothing to check.
    return run if sequence.processors else lambda samples, _: iter(samples)


def _generating(group: GeneratingGroup) -> _Step:
    processor = group.create_generating()

    def run(samples: Iterable[Numbered], seeds: StageSeeds | None) -> Iterator[Numbered]:
        source = _Source(samples, seeds)
        generated = _entered(processor, source)
        for index, sample in enumerate(generated):
            if is_valid_sample(sample, processor.mode):
                yield index, sample
        source.raise_swallowed()

    return run


class _Source:
    """The samples that a generating processor takes."""

    def __init__(self, samples: Iterable[Numbered], seeds: StageSeeds | None) -> None:
        self._samples = samples
        self._seeds = seeds
        self._taken = 0
        self._given = 0
        self._last: Numbered | None = None
        self._error: Exception | None = None

    def __iter__(self) -> Iterator[Sample]:
        try:
            for index, sample in self._samples:
                self._last = index, sample
                self._taken += 1
                self.enter(self._given)
                yield sample
        except Exception as error:
            self._error = error
            raise

    def enter(self, given: int) -> None:
        """Seed for the code that runs after some samples were taken and `given` were given."""
        self._given = given
        if self._seeds is not None:
            self._seeds.seed(self._taken, given)

    def describe(self) -> str:
        """Return where the processor is, for a message."""
        if self._last is None:
            return "its start"
        return f"{describe_sample(self._last[1], self._last[0])}, the last it took"

    def raise_swallowed(self) -> None:
        """Raise an error of the samples that the processor caught, lest the pass seem complete."""
        if self._error is not None:
            raise self._error


def _entered(processor: GeneratingDataProcessor[Any], source: _Source) -> Iterator[Sample]:
    """Yield what `processor` generates, seeded at each entry; name it in its errors."""
    try:
        source.enter(0)
        for given, sample in enumerate(processor.generate(iter(source)), start=1):
            yield sample
            source.enter(given)
    except Exception as error:
        raise processor_failure(processor, source.describe(), error) from error


def _of_mode(processors: Iterable[DataProcessorParams], mode: PipelineMode) -> list[DataProcessorParams]:
    return [p for p in processors if mode in p.modes]


def _neighbours(
    processors: Sequence[DataProcessorParams],
    data_params: "DataBaseParams | None",
    mode: PipelineMode,
) -> list[ProcessorGroup]:
    """Return one group for each generating processor and one for the mapping ones between them."""
    groups: list[ProcessorGroup] = []
    for generating, neighbours in groupby(processors, _is_generating):
        if generating:
            groups += [_group_by_hand([p], data_params, mode) for p in neighbours]
        else:
            groups.append(MappingGroup(list(neighbours), data_params, mode))
    return groups


def _group_by_hand(
    processors: Sequence[DataProcessorParams],
    data_params: "DataBaseParams | None",
    mode: PipelineMode,
) -> ProcessorGroup:
    positions = [i for i, p in enumerate(processors) if _is_generating(p)]
    if not positions:
        return MappingGroup(processors, data_params, mode)
    if len(positions) > 1:
        names = [type(processors[i]).__name__ for i in positions]
        raise UsageError(
            f"a group of processors may hold one that generates, this one holds {names}. "
            "Give each a group of its own in `pipelines`."
        )
    middle = positions[0]
    return GeneratingGroup(
        MappingGroup(processors[:middle], data_params, mode),
        processors[middle],
        MappingGroup(processors[middle + 1 :], data_params, mode),
    )


def _is_generating(params: DataProcessorParams) -> bool:
    processor_cls = params.cls()
    if issubclass(processor_cls, GeneratingDataProcessor):
        return True
    if issubclass(processor_cls, MappingDataProcessor):
        return False
    raise UsageError(
        f"{processor_cls.__name__}, the processor of {type(params).__name__}, must derive from "
        "MappingDataProcessor or GeneratingDataProcessor."
    )


def _create(params: DataProcessorParams, data_params: "DataBaseParams | None", mode: PipelineMode) -> Any:
    try:
        return params.create(data_params, mode)
    except TfaipError:
        raise
    except Exception as error:
        raise DataError(
            f"the processor of `{type(params).__name__}` could not be created: "
            f"{type(error).__name__}: {error}"
        ) from error
