"""Where samples come from."""

from abc import ABC, abstractmethod
from collections.abc import Iterable, Sequence
from typing import Any, Generic, TypeVar

import numpy as np

from tfaip.data.databaseparams import DataGeneratorParams
from tfaip.data.pipeline.definitions import PipelineMode
from tfaip.errors import UsageError

T = TypeVar("T", bound=DataGeneratorParams)


class DataGenerator(ABC, Generic[T]):
    """The source of samples: a list of files, a data base, a simulation.

    Fields: `mode` is what the samples are for, `params` is where to find them. Overridden methods run in the
    main process; keep what they yield small (a file name) and let a processor load it.
    """

    def __init__(self, mode: PipelineMode, params: T) -> None:
        self.mode = mode
        self.params = params

    @abstractmethod
    def __len__(self) -> int:
        """Return the number of samples of one pass."""
        raise NotImplementedError

    @abstractmethod
    def generate(self) -> Iterable[Any]:
        """Return the samples of one pass; called once per pass, any iterable will do.

        A training with a random seed seeds `random` and `numpy.random` before each pass, so shuffling with
        them gives every pass an order of its own that is the same in each run.
        """
        raise NotImplementedError

    def steps_per_epoch(self, batch_size: int, scale_factor: float = 1) -> int:
        """Return the number of full batches of `batch_size` samples in `scale_factor` passes."""
        return int(len(self) * scale_factor / batch_size)

    def yields_batches(self) -> bool:
        """Return whether `generate` yields lists of samples, each of which becomes one batch."""
        return False

    def is_endless(self) -> bool:
        """Return whether `generate` never ends; a training then begins anew after `len()` samples."""
        return False


class RawDataGenerator(DataGenerator[T]):
    """Samples that are already in memory.

    In training each pass yields them in a new order (as `numpy.random` is seeded), unless `shuffle` is set
    to false. The list itself keeps its order.
    """

    def __init__(self, raw_data: Sequence[Any], mode: PipelineMode, params: T) -> None:
        super().__init__(mode, params)
        self.raw_data = raw_data
        self.shuffle = mode == PipelineMode.TRAINING

    def __len__(self) -> int:
        return len(self.raw_data)

    def generate(self) -> Iterable[Any]:
        """Return the samples, in training in a new order each time."""
        if not self.shuffle:
            return iter(self.raw_data)
        return map(self.raw_data.__getitem__, np.random.permutation(len(self.raw_data)).tolist())


def count_samples(generator: DataGenerator[Any]) -> int:
    """Return `len(generator)`, or say which generator does not know its length."""
    try:
        return len(generator)
    except Exception as error:
        raise UsageError(
            f"`len()` of the generator `{type(generator).__name__}` failed with "
            f"{type(error).__name__}: {error}. Let its `__len__` return the number of samples of one pass, "
            "an integer of 0 or more."
        ) from error
