"""Which processors share a stage, and how a stage runs.

A group holds params only, so that it can be sent to another process; its processors are created where it
runs. This module runs groups in the process that asks; `parallel` runs them in workers, and `pipeline`
decides which of both.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
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
from tfaip.data.pipeline.processor.tolerance import PassTolerance
from tfaip.data.pipeline.seeding import PassSeeds, StageSeeds
from tfaip.errors import DataError, TfaipError, UsageError

if TYPE_CHECKING:  # the data params hold processor params
    from tfaip.data.databaseparams import DataBaseParams, DataPipelineParams

Numbered = tuple[int, Sample]  # a sample with its index in the pass


@dataclass(frozen=True)
class WorkerSettings:
    """How a group runs in processes of its own.

    Fields: whether it does so at all; how many processes there are, the samples after which one is replaced,
    the seconds that a sample may take, and whether arrays cross in memory.
    """

    run_parallel: bool = False
    num_workers: int = 1
    max_samples: int = 0
    timeout_seconds: float = 0
    in_memory: bool = True


class MappingGroup:
    """Neighbouring processors that each map one sample to one."""

    is_mapping = True

    def __init__(
        self,
        processors: Sequence[DataProcessorParams],
        data_params: "DataBaseParams | None",
        mode: PipelineMode,
        workers: WorkerSettings = WorkerSettings(),
    ) -> None:
        self.processors = list(processors)
        self.data_params = data_params
        self.mode = mode
        self.workers = workers

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
        self.workers = before.workers

    def create_generating(self) -> GeneratingDataProcessor[Any]:
        """Create the processor in the middle."""
        return _create(self.generating, self.before.data_params, self.mode)


ProcessorGroup = MappingGroup | GeneratingGroup


def create_groups(
    params: DataProcessorPipelineParams,
    data_params: "DataBaseParams | None",
    pipeline_params: "DataPipelineParams",
) -> list[ProcessorGroup]:
    """Return the groups of those processors that take part in the mode; groups without any vanish."""
    mode = pipeline_params.mode

    def settings(group: DataProcessorPipelineParams) -> WorkerSettings:
        threads = next(
            (p.num_threads for p in (group, params) if p.num_threads >= 1), pipeline_params.num_processes
        )
        return WorkerSettings(
            run_parallel=group.run_parallel and params.run_parallel,
            num_workers=threads,
            max_samples=group.max_tasks_per_process,
            timeout_seconds=pipeline_params.worker_timeout,
            in_memory=pipeline_params.use_shared_memory,
        )

    if isinstance(params, ComposedProcessorPipelineParams):
        composed = [(_of_mode(group.processors, mode), settings(group)) for group in params.pipelines]
        return [_group_by_hand(group, data_params, mode, workers) for group, workers in composed if group]
    return _neighbours(_of_mode(params.flatten_processors(), mode), data_params, mode, settings(params))


def run_here(group: ProcessorGroup) -> "list[Step]":
    """Return the stages of a group, their processors created in this process; they serve many passes."""
    if isinstance(group, MappingGroup):
        return [_mapping(group)]
    return [_mapping(group.before), generating_step(group), _mapping(group.after)]


# Samples of one pass become others; seeded if there are seeds; errors are tolerated as far as it is allowed.
Step = Callable[[Iterable[Numbered], StageSeeds | None, PassTolerance], Iterator[Numbered]]


def stage_seeds(seeds: PassSeeds | None, stage: int) -> StageSeeds | None:
    """Return the seeds of a stage, None without seeds."""
    return None if seeds is None else seeds.stage(stage)


def _mapping(group: MappingGroup) -> Step:
    sequence = group.create_processor_fn()

    def run(
        samples: Iterable[Numbered], seeds: StageSeeds | None, tolerance: PassTolerance
    ) -> Iterator[Numbered]:
        apply, mode = sequence.apply_numbered, sequence.mode
        for index, sample in samples:
            if seeds is not None:
                seeds.seed(index)
            try:
                processed = apply(sample, index)
            except Exception as error:  # noqa: BLE001 - raised again unless it is tolerated
                tolerance.note(describe_sample(sample, index), error)
                continue
            if processed is not None and processed.is_valid(mode):
                yield index, processed

    # Without processors there is nothing to seed and nothing to check.
    return run if sequence.processors else lambda samples, *_: iter(samples)


def generating_step(group: GeneratingGroup) -> Step:
    """Return the stage of the generating processor of a group; its errors end the pass."""
    processor = group.create_generating()

    def run(
        samples: Iterable[Numbered], seeds: StageSeeds | None, tolerance: PassTolerance
    ) -> Iterator[Numbered]:
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
    workers: WorkerSettings,
) -> list[ProcessorGroup]:
    """Return one group for each generating processor and one for the mapping ones between them."""
    groups: list[ProcessorGroup] = []
    for generating, neighbours in groupby(processors, _is_generating):
        if generating:
            groups += [_group_by_hand([p], data_params, mode, workers) for p in neighbours]
        else:
            groups.append(MappingGroup(list(neighbours), data_params, mode, workers))
    return groups


def _group_by_hand(
    processors: Sequence[DataProcessorParams],
    data_params: "DataBaseParams | None",
    mode: PipelineMode,
    workers: WorkerSettings,
) -> ProcessorGroup:
    positions = [i for i, p in enumerate(processors) if _is_generating(p)]
    if not positions:
        return MappingGroup(processors, data_params, mode, workers)
    if len(positions) > 1:
        names = [type(processors[i]).__name__ for i in positions]
        raise UsageError(
            f"a group of processors may hold one that generates, this one holds {names}. "
            "Give each a group of its own in `pipelines`."
        )
    middle = positions[0]
    return GeneratingGroup(
        MappingGroup(processors[:middle], data_params, mode, workers),
        processors[middle],
        MappingGroup(processors[middle + 1 :], data_params, mode, workers),
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
