"""Random numbers that depend on the seed, the pass and the sample, and on nothing else.

Code of a user draws from `random` and `numpy.random`. So that a training gives the same samples however it is
interrupted or spread over processes, these are seeded each time such code is entered.
"""

import random
import threading
from dataclasses import dataclass
from types import TracebackType
from typing import Any

import numpy as np

_MASK = (1 << 64) - 1

_numpy_random: Any = np.random  # its stubs lack the exchange of bit generators

_random: Any = random.seed.__self__  # type: ignore[attr-defined] - the object whose methods are functions there
_seed_random: Any = super(random.Random, _random).seed  # type: ignore[misc]

_exchange = threading.RLock()  # two streams in two threads would mix up their bit generators

# What a seed is for, so that the uses do not share random numbers.
_GENERATOR, _SHUFFLE, _BATCH, _STAGES = 1, 2, 3, 16


def derive_seed(*numbers: int) -> int:
    """Return a 64-bit seed that differs as soon as one of the numbers does.

    Source: Steele, Lea and Flood, "Fast splittable pseudorandom number generators", OOPSLA 2014 (the
    finaliser of SplitMix64), applied to each number in turn.
    """
    state = 0
    for number in numbers:
        state = _mixed(state, number)
    return state


def _mixed(state: int, number: int) -> int:
    state = (state + number + 0x9E3779B97F4A7C15) & _MASK
    state = ((state ^ (state >> 30)) * 0xBF58476D1CE4E5B9) & _MASK
    state = ((state ^ (state >> 27)) * 0x94D049BB133111EB) & _MASK
    return state ^ (state >> 31)


class StageSeeds:
    """Seeds `random` and `numpy.random` for each entry into one stage of processors in one pass."""

    def __init__(self, pass_seed: int, stage: int) -> None:
        # Nearly all of its time is spent in generators of random numbers, so the rest counts.
        self._state = derive_seed(derive_seed(pass_seed, _STAGES + stage))

    def seed(self, *index: int) -> None:
        """Seed for the sample (or the step) of this index; takes about 5 microseconds."""
        seed = self._state
        for number in index:
            seed = _mixed(seed, number)
        _seed_python(seed)
        np.random.seed(seed & 0xFFFFFFFF)
        _handed.renew(seed)


def _seed_python(seed: int) -> None:
    """Do what `random.seed` does for a number, in two thirds of the time: it does not look at its type."""
    _seed_random(seed)
    _random.gauss_next = None  # the second number of a pair that `random.gauss` holds back


class _Handed(threading.local):
    """The generator that is handed to processors in this thread; made only if one asks for it."""

    seed: int | None = None
    generator: np.random.Generator | None = None

    def renew(self, seed: int) -> None:
        self.seed, self.generator = seed, None

    def get(self) -> np.random.Generator:
        if self.generator is None:
            self.generator = np.random.default_rng(self.seed)
        return self.generator


_handed = _Handed()


def random_generator() -> np.random.Generator:
    """Return the generator of random numbers for the sample (or the step) that is worked on."""
    return _handed.get()


class GeneratorRandomness:
    """A context in which `random` and `numpy.random` go on where the generator of a pass left them.

    Outside of it processors and the program may seed and draw as they like.
    """

    def __init__(self, seed: int) -> None:
        self._python = random.Random(seed).getstate()
        self._numpy: np.random.BitGenerator = np.random.MT19937(seed)
        self._outside: np.random.BitGenerator | None = None

    def __enter__(self) -> None:
        _exchange.acquire()
        random.setstate(self._python)
        # Exchanging the bit generator takes 0.1 microseconds, reading and writing its state 50.
        self._outside = _numpy_random.get_bit_generator()
        _numpy_random.set_bit_generator(self._numpy)

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc_val: BaseException | None,
        exc_tb: TracebackType | None,
    ) -> None:
        self._python = random.getstate()
        _numpy_random.set_bit_generator(self._outside)
        _exchange.release()


@dataclass(frozen=True)
class PassSeeds:
    """The seeds of one pass over the data of a training."""

    random_seed: int
    pass_index: int

    def generator(self) -> GeneratorRandomness:
        """Return the random state in which the generator of samples runs."""
        return GeneratorRandomness(self._derive(_GENERATOR))

    def shuffle(self) -> int:
        """Return the seed for shuffling the processed samples."""
        return self._derive(_SHUFFLE)

    def stage(self, number: int) -> StageSeeds:
        """Return the seeds of the stage with this number."""
        return StageSeeds(self._derive(0), number)

    def of_batch(self, index: int) -> "PassSeeds":
        """Return seeds of its own for one list of samples of a generator that yields batches."""
        return PassSeeds(self._derive(_BATCH), index)

    def _derive(self, use: int) -> int:
        return derive_seed(self.random_seed, self.pass_index, use)
