"""Which processors a sample runs through, as params."""

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, List, Type, TypeVar

from paiargparse import pai_dataclass, pai_meta

from tfaip.data.pipeline.processor.dataprocessor import DataProcessorParams

if TYPE_CHECKING:  # both import this module
    from tfaip.data.databaseparams import DataBaseParams, DataPipelineParams
    from tfaip.data.pipeline.processor.pipeline import DataProcessorPipeline

TP = TypeVar("TP", bound=DataProcessorParams)


@pai_dataclass
@dataclass
class DataProcessorPipelineParams:
    """Processors in the order in which they are applied, and how they run."""

    run_parallel: bool = field(
        default=True, metadata=pai_meta(help="Run the processors in processes of their own.")
    )
    num_threads: int = field(
        default=-1,
        metadata=pai_meta(help="Processes for these processors; -1 takes `num_processes` of the data set."),
    )
    max_tasks_per_process: int = field(
        default=250, metadata=pai_meta(help="Samples after which a process is replaced by a new one.")
    )

    def create(
        self, data_pipeline_params: "DataPipelineParams", data_params: "DataBaseParams | None"
    ) -> "DataProcessorPipeline":
        """Return a pipeline of the processors that take part in the mode of `data_pipeline_params`."""
        # Late: the pipeline's groups hold these params.
        from tfaip.data.pipeline.processor.pipeline import DataProcessorPipeline

        return DataProcessorPipeline.from_params(data_pipeline_params, self, data_params)

    def flatten_processors(self) -> List[DataProcessorParams]:
        """Return the params of all processors, in order."""
        raise NotImplementedError(
            f"{type(self).__name__} must override `flatten_processors()`; use "
            "SequentialProcessorPipelineParams or ComposedProcessorPipelineParams."
        )

    def has_processor(self, t: Type[DataProcessorParams]) -> bool:
        """Return whether a processor of the params class `t` is among them."""
        return bool(self.processors_of_type(t))

    def processors_of_type(self, t: Type[TP]) -> List[TP]:
        """Return the params of all processors of the params class `t`."""
        return [p for p in self.flatten_processors() if isinstance(p, t)]

    def erase_all(self, t: Type[DataProcessorParams]) -> None:
        """Remove all processors of the params class `t`; pipelines that hold these params follow."""
        raise NotImplementedError(f"{type(self).__name__} must override `erase_all()`.")

    def replace_all(self, t: Type[DataProcessorParams], p: DataProcessorParams) -> None:
        """Put `p` in the place of each processor of the params class `t`; existing pipelines follow."""
        raise NotImplementedError(f"{type(self).__name__} must override `replace_all()`.")


@pai_dataclass
@dataclass
class SequentialProcessorPipelineParams(DataProcessorPipelineParams):
    """A flat list of processors; neighbours that map one sample to one are grouped on creation."""

    processors: List[DataProcessorParams] = field(
        default_factory=list, metadata=pai_meta(help="The processors, in order.")
    )

    def flatten_processors(self) -> List[DataProcessorParams]:
        """Return the params of all processors, in order."""
        return list(self.processors)

    def erase_all(self, t: Type[DataProcessorParams]) -> None:
        """Remove all processors of the params class `t`; pipelines that hold these params follow."""
        self.processors[:] = [p for p in self.processors if not isinstance(p, t)]

    def replace_all(self, t: Type[DataProcessorParams], p: DataProcessorParams) -> None:
        """Put `p` in the place of each processor of the params class `t`; existing pipelines follow."""
        self.processors[:] = [p if isinstance(old, t) else old for old in self.processors]


@pai_dataclass
@dataclass
class ComposedProcessorPipelineParams(DataProcessorPipelineParams):
    """Groups of processors put together by hand.

    A group holds any number of processors that map one sample to one, and at most one that generates.
    """

    pipelines: List[SequentialProcessorPipelineParams] = field(
        default_factory=list, metadata=pai_meta(help="The groups, in order.")
    )

    def flatten_processors(self) -> List[DataProcessorParams]:
        """Return the params of all processors, in order."""
        return [p for group in self.pipelines for p in group.flatten_processors()]

    def erase_all(self, t: Type[DataProcessorParams]) -> None:
        """Remove all processors of the params class `t`; pipelines that hold these params follow."""
        for group in self.pipelines:
            group.erase_all(t)

    def replace_all(self, t: Type[DataProcessorParams], p: DataProcessorParams) -> None:
        """Put `p` in the place of each processor of the params class `t`; existing pipelines follow."""
        for group in self.pipelines:
            group.replace_all(t, p)
