"""What happens to a sample: processors that map one to one, and processors that generate n to m."""

from abc import ABC, abstractmethod
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any, Generic, List, Set, TypeVar

import numpy as np
from paiargparse import pai_dataclass, pai_meta

from tfaip.data.pipeline.definitions import GENERAL_PROCESSOR, PipelineMode, Sample, describe_sample
from tfaip.data.pipeline.seeding import random_generator
from tfaip.errors import DataError, TfaipError, UsageError
from tfaip.params.enums import StrEnum
from tfaip.progress import tqdm_wrapper
from tfaip.workers.ordered_map import mapped, parallel_map
from tfaip.workers.pool import PoolSettings

if TYPE_CHECKING:  # the data params hold processor params
    from tfaip.data.databaseparams import DataBaseParams


class Key(StrEnum):
    """Names that processors of images share for parts of a sample."""

    IMG = "img"
    IMG_SHAPE = "img_shape"
    IMG_PATH = "img_path"
    IMG_ID = "img_id"
    MASK = "mask"
    GT_BOXES = "groundtruth_boxes"
    GT_CLASSES = "groundtruth_classes"
    GT_NAMES = "groundtruth_names"
    GT_NUM = "groundtruth_boxes_num"
    PRED = "pred"
    CLASS = "class"
    LOGITS = "logits"
    SEGMENTATIONS = "segmentation"
    CLASSNAMES = "classnames"
    COORD = "coord"


@pai_dataclass
@dataclass
class DataProcessorParams:
    """The switches of a processor; subclass it beside the processor.

    Only these params travel to worker processes; the processor is created from them where it runs. Their
    module should therefore import quickly, above all no TensorFlow.
    """

    modes: Set[PipelineMode] = field(
        default_factory=GENERAL_PROCESSOR.copy,
        metadata=pai_meta(help="The pipelines in which the processor takes part."),
    )

    @staticmethod
    def cls() -> "type[DataProcessorBase[Any]]":
        """Return the processor class; override it."""
        raise NotImplementedError(
            "A subclass of DataProcessorParams must override `cls()` and return its processor class."
        )

    def create(
        self, data_params: "DataBaseParams | None", mode: PipelineMode, **kwargs: Any
    ) -> "DataProcessorBase[Any]":
        """Return a new processor for pipelines of `mode`."""
        if mode not in self.modes:
            modes = sorted(str(m) for m in self.modes)
            raise UsageError(
                f"the processor of {type(self).__name__} is for the modes {modes}, not for {mode}. "
                "Add the mode to its `modes`."
            )
        processor_cls = self.cls()
        try:
            return processor_cls(params=self, data_params=data_params, mode=mode, **kwargs)
        except TypeError as error:
            raise TypeError(
                f"{processor_cls.__name__} could not be created: {error}. Its `__init__` must take "
                "`params`, `data_params` and `mode` by these names and pass them on to `super().__init__`."
            ) from error


T = TypeVar("T", bound=DataProcessorParams)


class DataProcessorBase(ABC, Generic[T]):
    """The common part of all processors.

    Fields: `params` of the processor, `data_params` of the scenario's data, `mode` of the pipeline.
    Processors are created where they run, once per worker process; `__init__` is the place to load what they
    need.
    """

    def __init__(
        self, params: T, data_params: "DataBaseParams | None", mode: PipelineMode, **kwargs: Any
    ) -> None:
        if kwargs:
            raise TypeError(f"{type(self).__name__} does not know {sorted(kwargs)}")
        self.params = params
        self.data_params: Any = data_params
        self.mode = mode

    @property
    def random_generator(self) -> np.random.Generator:
        """Random numbers of NumPy; in a training with a random seed they are seeded for each sample.

        Ask for it anew in each `apply`; an object kept from an earlier sample goes on where that one was.
        """
        return random_generator()

    @abstractmethod
    def __call__(self, sample: Any) -> Any:
        """Return what the processor makes of a sample, or of an iterable of samples if it generates."""
        raise NotImplementedError

    def supports_preload(self) -> bool:
        """Return whether the samples may be kept in memory after this processor; random ones say no."""
        return True

    def is_valid_sample(self, sample: Sample | None) -> bool:
        """Return whether the sample has the parts that the mode of this processor needs."""
        return is_valid_sample(sample, self.mode)

    def preload(
        self,
        samples: Sequence[Sample],
        num_processes: int = 1,
        drop_invalid: bool = True,
        progress_bar: bool = False,
    ) -> Iterable[Sample]:
        """Return the samples as they are kept in memory; called once, instead of once per pass."""
        return self.apply_on_samples(samples, num_processes, drop_invalid, progress_bar)

    @abstractmethod
    def apply_on_samples(
        self,
        samples: Sequence[Sample],
        num_processes: int = 1,
        drop_invalid: bool = True,
        progress_bar: bool = False,
    ) -> List[Sample]:
        """Return all samples, processed; without the invalid ones if `drop_invalid`."""
        raise NotImplementedError

    def _without_invalid(self, samples: Iterable[Sample], drop_invalid: bool) -> List[Sample]:
        return [s for s in samples if not drop_invalid or self.is_valid_sample(s)]


class MappingDataProcessor(DataProcessorBase[T]):
    """Changes one sample at a time."""

    @abstractmethod
    def apply(self, sample: Sample) -> Sample:
        """Return the processed sample.

        `sample` is a shallow copy whose parts may be exchanged; arrays in it may be shared and must not be
        changed in place. Return `sample.new_invalid()` to drop it. In a training with a random seed `random`,
        `numpy.random` and `self.random_generator` are seeded for each sample.
        """
        raise NotImplementedError

    def apply_on_sample(self, sample: Sample) -> Sample:
        """Return `apply` of a shallow copy that has meta data, an empty dict at least."""
        sample = sample.copy()
        if sample.meta is None:
            sample.meta = {}
        return self.apply(sample)

    def apply_on_samples(
        self,
        samples: Sequence[Sample],
        num_processes: int = 1,
        drop_invalid: bool = True,
        progress_bar: bool = False,
    ) -> List[Sample]:
        """Return all samples, processed in order; with more than one process in a pool of them.

        The processes create the processor from its params, if its class is that of the params.
        """
        title = f"Applying {type(self).__name__}"
        if num_processes > 1 and len(samples) > 1 and self._is_of_its_params():
            create = partial(_created_elsewhere, self.params, self.data_params, self.mode)
            results = mapped(create, samples, PoolSettings(title, min(num_processes, len(samples))))
            processed = tqdm_wrapper(results, progress_bar=progress_bar, desc=title, total=len(samples))
        else:
            processed = parallel_map(
                self.apply_on_sample,
                samples,
                desc=title,
                processes=num_processes,
                progress_bar=progress_bar,
            )
        return self._without_invalid(processed, drop_invalid)

    def _is_of_its_params(self) -> bool:
        return isinstance(self.params, DataProcessorParams) and self.params.cls() is type(self)

    def __call__(self, sample: Sample) -> Sample:
        """Return the processed sample."""
        if not isinstance(sample, Sample):
            raise TypeError(f"{type(self).__name__} takes a Sample, got {type(sample).__name__}")
        return self.apply_on_sample(sample)


def _created_elsewhere(params: DataProcessorParams, data_params: Any, mode: PipelineMode) -> Any:
    return params.create(data_params, mode).apply_on_sample  # type: ignore[attr-defined] - it maps


class GeneratingDataProcessor(DataProcessorBase[T]):
    """Reads a stream of samples and writes another: drops, repeats, splits or merges them."""

    @abstractmethod
    def generate(self, samples: Iterable[Sample]) -> Iterable[Sample]:
        """Yield new samples out of `samples`; called once per pass.

        In a training with a random seed `random`, `numpy.random` and `self.random_generator` are seeded each
        time that the code is entered: after a sample was taken, and after one was yielded.
        """
        raise NotImplementedError

    def apply_on_samples(
        self,
        samples: Sequence[Sample],
        num_processes: int = 1,
        drop_invalid: bool = True,
        progress_bar: bool = False,
    ) -> List[Sample]:
        """Return what `generate` makes of all samples, in this process."""
        return self._without_invalid(self.generate(samples), drop_invalid)

    def __call__(self, sample: Iterable[Sample]) -> Iterable[Sample]:
        """Return what `generate` makes of the samples."""
        if isinstance(sample, Sample) or not isinstance(sample, Iterable):
            raise TypeError(
                f"{type(self).__name__} takes an iterable of samples, got {type(sample).__name__}"
            )
        return self.generate(sample)


class SequenceProcessor(MappingDataProcessor[DataProcessorParams]):
    """Mapping processors one after another; stops at the first that makes a sample invalid."""

    def __init__(
        self,
        params: Any,
        mode: PipelineMode,
        processors: Sequence[MappingDataProcessor[Any]],
    ) -> None:
        super().__init__(params, None, mode)
        self.processors = list(processors)

    def supports_preload(self) -> bool:
        """Return whether all of the processors do."""
        return all(p.supports_preload() for p in self.processors)

    def apply(self, sample: Sample) -> Sample:
        """Return the sample after all processors."""
        return self.apply_numbered(sample, None)

    def apply_numbered(self, sample: Sample, index: int | None) -> Sample:
        """Return the sample after all processors; `index` is its number for messages.

        Raises:
            DataError: if a processor raises or returns no sample; the original error is its cause.
        """
        mode = self.mode
        for processor in self.processors:
            if sample is None or not sample.is_valid(mode):
                break
            try:
                processed = processor.apply_on_sample(sample)
            except Exception as error:
                raise processor_failure(processor, describe_sample(sample, index), error) from error
            if processed is not None and not isinstance(processed, Sample):
                raise DataError(
                    f"the processor `{type(processor).__name__}` returned {type(processed).__name__} for "
                    f"{describe_sample(sample, index)}, a Sample is expected. Return one from `apply`."
                )
            sample = processed
        return sample


def is_valid_sample(sample: Sample | None, mode: PipelineMode) -> bool:
    """Return whether there is a sample with the parts that `mode` needs."""
    return sample is not None and sample.is_valid(mode)


def processor_failure(processor: Any, sample_text: str, error: Exception) -> TfaipError:
    """Return the error that tells a user which processor failed at which sample, and how."""
    if isinstance(error, TfaipError):
        error.add_note(f"raised in the processor {type(processor).__name__} at {sample_text}")
        return error
    return DataError(
        f"the processor `{type(processor).__name__}` failed at {sample_text} with "
        f"{type(error).__name__}: {error}"
    )
