"""The switches of a data set: where samples come from, how they are processed and batched."""

import os
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, List, Optional

from paiargparse import pai_dataclass, pai_meta

from tfaip.data.pipeline.definitions import PipelineMode
from tfaip.data.pipeline.processor.params import (
    ComposedProcessorPipelineParams,
    DataProcessorPipelineParams,
    SequentialProcessorPipelineParams,
)
from tfaip.errors import UsageError
from tfaip.params.enums import StrEnum

if TYPE_CHECKING:  # the runtime classes import their params from here
    from tfaip.data.data import DataBase
    from tfaip.data.pipeline.datagenerator import DataGenerator


class OnError(StrEnum):
    """What happens to a sample that a processor fails at."""

    RAISE = "raise"  # the error ends the run
    SKIP = "skip"  # the sample is left out


class NonFinite(StrEnum):
    """What happens when a batch holds NaN or infinity."""

    WARN = "warn"  # they are counted and logged
    RAISE = "raise"  # the first one ends the run
    IGNORE = "ignore"  # nobody looks


_PROCESSOR_PIPELINES = [SequentialProcessorPipelineParams, ComposedProcessorPipelineParams]


@pai_dataclass
@dataclass
class DataGeneratorParams:
    """Where the samples of one data set come from; subclass it beside the generator."""

    @staticmethod
    def cls() -> "type[DataGenerator[Any]]":
        """Return the generator class; override it."""
        raise NotImplementedError(
            "A subclass of DataGeneratorParams must override `cls()` and return its DataGenerator class."
        )

    def create(self, mode: PipelineMode) -> "DataGenerator[Any]":
        """Return a new generator of samples for `mode`."""
        return self.cls()(mode=mode, params=self)


@pai_dataclass
@dataclass
class DataPipelineParams:
    """How the samples of one data set become batches."""

    batch_size: int = field(default=16, metadata=pai_meta(help="Samples in a batch."))
    limit: int = field(
        default=-1, metadata=pai_meta(help="Use only the first samples of each pass; -1 uses all.")
    )
    prefetch: int = field(
        default=-1,
        metadata=pai_meta(
            help="Batches prepared ahead of the model; -1 chooses by batch size and processes, 0 is none."
        ),
    )
    num_processes: int = field(default=4, metadata=pai_meta(help="Processes that run the data processors."))
    batch_drop_remainder: bool = field(
        default=False,
        metadata=pai_meta(help="Drop the last batch if it is smaller than the others (training only)."),
    )
    shuffle_buffer_size: int = field(
        default=-1,
        metadata=pai_meta(help="Processed samples held back to be shuffled; -1 keeps the generator's order."),
    )
    mode: PipelineMode = field(default=PipelineMode.TRAINING, metadata=pai_meta(mode="ignore"))
    bucket_boundaries: List[int] = field(
        default_factory=list,
        metadata=pai_meta(help="Lengths at which buckets of samples of similar length begin."),
    )
    bucket_batch_sizes: Optional[List[int]] = field(
        default=None,
        metadata=pai_meta(
            help="Samples in a batch of each bucket, one more than boundaries; by default shorter samples "
            "make larger batches."
        ),
    )
    use_shared_memory: bool = field(
        default=True,
        metadata=pai_meta(
            help="Pass arrays between processes in memory; false takes a file in the temporary directory, "
            "where memory is short."
        ),
    )
    worker_timeout: float = field(
        default=600.0,
        metadata=pai_meta(
            help="Seconds that a process may work on one sample before the run is given up; 0 waits for "
            "ever. The stack of the process is logged after 30 s."
        ),
    )
    on_error: OnError = field(
        default=OnError.RAISE,
        metadata=pai_meta(help="What to do with a sample that a processor fails at: raise or skip."),
    )
    on_error_limit: float = field(
        default=0.01,
        metadata=pai_meta(help="Share of the samples of a pass that may be skipped, from 0 to 1."),
    )
    non_finite: NonFinite = field(
        default=NonFinite.WARN,
        metadata=pai_meta(help="What to do when a batch holds NaN or infinity: warn, raise or ignore."),
    )

    def __post_init__(self) -> None:
        _require(self.batch_size >= 1, self, "batch_size", "1 or more")
        _require(self.limit != 0, self, "limit", "1 or more, or -1 for all samples")
        _require(self.num_processes >= 1, self, "num_processes", "1 or more")
        _require(self.worker_timeout >= 0, self, "worker_timeout", "0 or more seconds")
        _require(0 <= self.on_error_limit <= 1, self, "on_error_limit", "between 0 and 1")
        self._check_buckets()
        check_remainder(self)
        if self.prefetch < 0:
            self.prefetch = 8 * max(self.num_processes, self.batch_size // self.num_processes)

    def _check_buckets(self) -> None:
        boundaries, sizes = self.bucket_boundaries, self.bucket_batch_sizes
        increasing = all(a < b for a, b in zip([0, *boundaries], boundaries, strict=False))
        _require(increasing, self, "bucket_boundaries", "increasing lengths of 1 or more")
        if sizes:
            number = len(boundaries) + 1
            fits = len(sizes) in (number, number - 1) and min(sizes) >= 1
            _require(fits, self, "bucket_batch_sizes", f"{number} sizes of 1 or more, one for each bucket")


@pai_dataclass
@dataclass
class DataBaseParams:
    """What all data sets of a scenario share; subclass it beside the scenario's data class."""

    pre_proc: DataProcessorPipelineParams = field(
        default_factory=SequentialProcessorPipelineParams,
        metadata=pai_meta(
            help="Processors that turn a generated sample into the model's inputs and targets.",
            choices=_PROCESSOR_PIPELINES,
        ),
    )
    post_proc: DataProcessorPipelineParams = field(
        default_factory=SequentialProcessorPipelineParams,
        metadata=pai_meta(
            help="Processors that turn the model's outputs into a result.", choices=_PROCESSOR_PIPELINES
        ),
    )
    resource_base_path: str = field(default_factory=os.getcwd, metadata=pai_meta(mode="ignore"))

    @staticmethod
    def cls() -> "type[DataBase[Any]]":
        """Return the data class; override it."""
        raise NotImplementedError(
            "A subclass of DataBaseParams must override `cls()` and return its DataBase class."
        )

    def create(self) -> "DataBase[Any]":
        """Return a new data object with these params."""
        return self.cls()(params=self)


def check_remainder(params: DataPipelineParams) -> None:
    """Refuse to drop the last batch outside training, where every sample counts."""
    if params.batch_drop_remainder and params.mode != PipelineMode.TRAINING:
        raise UsageError(
            f"`batch_drop_remainder` is set in mode {params.mode}, where the last batch would be missing in "
            "the result. Remove `--val.batch_drop_remainder`; it is for `--train.batch_drop_remainder` only."
        )


def _require(condition: bool, params: DataPipelineParams, name: str, expected: str) -> None:
    if not condition:
        raise UsageError(
            f"`{name}` must be {expected}, got {getattr(params, name)}. "
            f"Set `--train.{name}` or `--val.{name}`."
        )
