"""All processors of a pipeline, stage after stage."""

from collections.abc import Iterable, Iterator, Sequence, Sized
from contextlib import closing
from functools import partial
from itertools import groupby

from tfaip.data.databaseparams import DataBaseParams, DataGeneratorParams, DataPipelineParams, OnError
from tfaip.data.pipeline.definitions import PipelineMode, Sample
from tfaip.data.pipeline.processor.dataprocessor import is_valid_sample
from tfaip.data.pipeline.processor.parallel import ParallelGenerating, ParallelMapping
from tfaip.data.pipeline.processor.params import DataProcessorPipelineParams
from tfaip.data.pipeline.processor.stages import (
    GeneratingGroup,
    MappingGroup,
    Numbered,
    ProcessorGroup,
    Step,
    create_groups,
    run_here,
    stage_seeds,
)
from tfaip.data.pipeline.processor.tolerance import PassTolerance, Tolerance
from tfaip.data.pipeline.seeding import PassSeeds


class DataProcessorPipeline:
    """The processors of one mode, in groups; applies them to samples as often as asked.

    Fields: `pipeline` is the list of groups, `mode` what the samples are for. Without groups the samples pass
    unchanged.
    """

    @staticmethod
    def from_params(
        data_pipeline_params: DataPipelineParams,
        pipeline_params: DataProcessorPipelineParams,
        data_params: DataBaseParams | None,
    ) -> "DataProcessorPipeline":
        """Return a pipeline of the processors that take part in the mode of `data_pipeline_params`."""
        groups = create_groups(pipeline_params, data_params, data_pipeline_params)
        tolerance = Tolerance(
            data_pipeline_params.on_error == OnError.SKIP, data_pipeline_params.on_error_limit
        )
        return DataProcessorPipeline(groups, data_pipeline_params.mode, tolerance)

    def __init__(
        self,
        pipeline: list[ProcessorGroup],
        mode: PipelineMode,
        tolerance: Tolerance = Tolerance(),  # noqa: B008 - immutable
    ) -> None:
        self.pipeline = pipeline
        self.mode = mode
        self.tolerance = tolerance
        self._for_single_samples: RunningProcessors | None = None

    def apply(
        self, samples: Iterable[Sample] | DataGeneratorParams, run_parallel: bool | None = None
    ) -> Iterator[Sample]:
        """Yield the processed samples, one by one as they are asked for.

        With processes more samples are read ahead; the processes end with the iterator.

        Args:
            samples: Samples, or the params of a generator of them.
            run_parallel: Whether to use processes; None is as the params say. The samples are the same.
        """
        if isinstance(samples, DataGeneratorParams):
            samples = samples.create(self.mode).generate()
        tolerance = self.tolerance.of_pass(len(samples) if isinstance(samples, Sized) else None)
        with closing(self.start(run_parallel)) as processors:
            valid = _valid(samples, self.mode, tolerance)
            for _, sample in tolerance.checked(processors.run(valid, None, tolerance)):
                yield sample

    def apply_on_sample(self, sample: Sample) -> Sample | None:
        """Return the first sample that comes out for `sample`; None if it is dropped.

        The processors are created at the first call and kept.
        """
        if self._for_single_samples is None:
            self._for_single_samples = self.start(run_parallel=False)
        processed = self._for_single_samples.run(_valid([sample], self.mode, PassTolerance()))
        return next((s for _, s in processed), None)

    def start(self, run_parallel: bool | None = None) -> "RunningProcessors":
        """Create the processors; the result serves many passes.

        Args:
            run_parallel: Whether to use processes; None is as the params say.
        """
        return RunningProcessors(self.pipeline, self.tolerance, run_parallel)

    def parallel_mapping_groups(self) -> list[MappingGroup]:
        """Return the groups, if all of them map and run in the same processes; else none."""
        mapping = [group for group in self.pipeline if isinstance(group, MappingGroup)]
        settings = {group.workers for group in mapping}
        is_uniform = len(mapping) == len(self.pipeline) and len(settings) == 1
        return mapping if is_uniform and mapping[0].workers.run_parallel else []

    @property
    def is_mapping(self) -> bool:
        """Whether each sample that goes in gives at most one that comes out, with the same index."""
        return all(group.is_mapping for group in self.pipeline)


class RunningProcessors:
    """The groups of a pipeline, ready to run: the one place that knows where each of them does."""

    def __init__(
        self, groups: Sequence[ProcessorGroup], tolerance: Tolerance, run_parallel: bool | None = None
    ) -> None:
        self._tolerance = tolerance
        self._stages: list[_Here | ParallelMapping | ParallelGenerating] = []
        stage = 0
        for key, neighbours in groupby(groups, partial(_kind, run_parallel)):
            members = list(neighbours)
            self._stages += _stages(members, stage, skips=tolerance.skips, is_parallel=key[0])
            stage += sum(_num_stages(group) for group in members)

    def run(
        self,
        samples: Iterable[Numbered],
        seeds: PassSeeds | None = None,
        tolerance: PassTolerance | None = None,
    ) -> Iterator[Numbered]:
        """Return the processed samples of one pass with their indices.

        Args:
            samples: What goes in.
            seeds: What random numbers are derived from; None leaves them as they are.
            tolerance: Counts the samples that fail.
        """
        tolerance = PassTolerance() if tolerance is None else tolerance
        for stage in self._stages:
            samples = stage.run(samples, seeds, tolerance)
        return iter(samples)

    def close(self) -> None:
        """Stop the processes, if there are any."""
        for stage in self._stages:
            stage.close()


class _Here:
    """A stage that runs in this process."""

    def __init__(self, step: Step, stage: int) -> None:
        self._step = step
        self._stage = stage

    def run(
        self, samples: Iterable[Numbered], seeds: PassSeeds | None, tolerance: PassTolerance
    ) -> Iterator[Numbered]:
        return self._step(samples, stage_seeds(seeds, self._stage), tolerance)

    def close(self) -> None:
        """Do nothing."""


def _kind(run_parallel: bool | None, group: ProcessorGroup) -> tuple[bool, object]:
    """Return whether a group runs in processes, and what neighbours must share to run in the same ones."""
    is_parallel = group.workers.run_parallel if run_parallel is None else run_parallel
    return is_parallel, group.workers if group.is_mapping and is_parallel else group


def _stages(
    groups: Sequence[ProcessorGroup], first: int, *, skips: bool, is_parallel: bool
) -> "list[_Here | ParallelMapping | ParallelGenerating]":
    """Return the stages of groups that run in the same place."""
    if not is_parallel:
        steps = [step for group in groups for step in run_here(group)]
        return [_Here(step, number) for number, step in enumerate(steps, start=first)]
    stages: list[_Here | ParallelMapping | ParallelGenerating] = []
    mapping = [group for group in groups if isinstance(group, MappingGroup) and group.processors]
    if mapping:
        stages.append(ParallelMapping(mapping, first, skips))
    for group in groups:
        if isinstance(group, GeneratingGroup):
            stages += _stages([group.before], first, skips=skips, is_parallel=True)
            stages.append(ParallelGenerating(group, first + 1))
            stages += _stages([group.after], first + 2, skips=skips, is_parallel=True)
    return stages


def _num_stages(group: ProcessorGroup) -> int:
    """Return how many stages of a group are seeded on their own."""
    return 1 if isinstance(group, MappingGroup) else 3


def _valid(samples: Iterable[Sample], mode: PipelineMode, tolerance: PassTolerance) -> Iterator[Numbered]:
    for index, sample in enumerate(samples):
        tolerance.num_generated = index + 1
        if is_valid_sample(sample, mode):
            yield index, sample
