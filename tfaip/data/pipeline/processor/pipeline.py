"""All processors of a pipeline, stage after stage."""

from collections.abc import Iterable, Iterator

from tfaip.data.databaseparams import DataBaseParams, DataGeneratorParams, DataPipelineParams
from tfaip.data.pipeline.definitions import PipelineMode, Sample
from tfaip.data.pipeline.processor.dataprocessor import is_valid_sample
from tfaip.data.pipeline.processor.params import DataProcessorPipelineParams
from tfaip.data.pipeline.processor.stages import (
    Numbered,
    ProcessorGroup,
    RunningGroup,
    create_groups,
    start,
)
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
        mode = data_pipeline_params.mode
        return DataProcessorPipeline(create_groups(pipeline_params, data_params, mode), mode)

    def __init__(self, pipeline: list[ProcessorGroup], mode: PipelineMode) -> None:
        self.pipeline = pipeline
        self.mode = mode
        self._for_single_samples: RunningProcessors | None = None

    def apply(
        self, samples: Iterable[Sample] | DataGeneratorParams, run_parallel: bool | None = None
    ) -> Iterator[Sample]:
        """Yield the processed samples, one by one as they are asked for.

        Args:
            samples: Samples, or the params of a generator of them.
            run_parallel: Whether to use processes; None is as the params say. The samples are the same.
        """
        if isinstance(samples, DataGeneratorParams):
            samples = samples.create(self.mode).generate()
        for _, sample in self.start(run_parallel).run(_valid(samples, self.mode)):
            yield sample

    def apply_on_sample(self, sample: Sample) -> Sample | None:
        """Return the first sample that comes out for `sample`; None if it is dropped.

        The processors are created at the first call and kept.
        """
        if self._for_single_samples is None:
            self._for_single_samples = self.start(run_parallel=False)
        processed = self._for_single_samples.run(_valid([sample], self.mode))
        return next((s for _, s in processed), None)

    def start(self, run_parallel: bool | None = None) -> "RunningProcessors":
        """Create the processors; the result serves many passes."""
        return RunningProcessors([start(group, run_parallel) for group in self.pipeline])

    @property
    def is_mapping(self) -> bool:
        """Whether each sample that goes in gives at most one that comes out, with the same index."""
        return all(group.is_mapping for group in self.pipeline)


class RunningProcessors:
    """The groups of a pipeline, ready to run."""

    def __init__(self, groups: list[RunningGroup]) -> None:
        self._groups = groups

    def run(self, samples: Iterable[Numbered], seeds: PassSeeds | None = None) -> Iterator[Numbered]:
        """Return the processed samples of one pass with their indices; seeded if `seeds` are given."""
        stage = 0
        for group in self._groups:
            samples = group.run(samples, seeds, stage)
            stage += group.num_stages
        return iter(samples)


def _valid(samples: Iterable[Sample], mode: PipelineMode) -> Iterator[Numbered]:
    return ((i, sample) for i, sample in enumerate(samples) if is_valid_sample(sample, mode))
