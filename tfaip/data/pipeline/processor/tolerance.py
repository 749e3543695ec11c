"""How many samples a pass may lose because a processor raises."""

import logging
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TypeVar

from tfaip.errors import DataError

T = TypeVar("T")

logger = logging.getLogger(__name__)

_LOGGED_ONE_BY_ONE = 5
_NAMED_AT_THE_END = 10


@dataclass(frozen=True)
class Tolerance:
    """The rule: whether failing samples are skipped, and up to which share of a pass."""

    skips: bool = False
    largest_share: float = 0.0

    def of_pass(self, num_samples: int | None) -> "PassTolerance":
        """Return what counts in one pass.

        Args:
            num_samples: How many samples the pass has, if that is known before its end.
        """
        return PassTolerance(self, num_samples)


class PassTolerance:
    """Counts the failing samples of a pass, in their order.

    Fields: `skips` is whether any is tolerated; `num_generated` counts the samples of the pass so far.
    """

    def __init__(self, rule: Tolerance = Tolerance(), num_samples: int | None = None) -> None:
        self.skips = rule.skips
        self.num_generated = 0
        self._largest_share = rule.largest_share
        self._num_samples = num_samples
        self._names: list[str] = []
        self._last: Exception | None = None

    def note(self, sample_text: str, error: Exception) -> None:
        """Skip a sample, or raise its error if that is not allowed.

        Raises:
            Exception: `error`, if nothing is tolerated.
            DataError: if more samples failed than are tolerated.
        """
        if not self.skips:
            raise error
        self._names.append(sample_text)
        self._last = error
        if len(self._names) <= _LOGGED_ONE_BY_ONE:
            logger.warning("Skipped %s: %s", sample_text, error)
        if self._num_samples is not None:
            self._check(self._num_samples)

    def checked(self, samples: Iterator[T]) -> Iterator[T]:
        """Return the samples of the whole pass, and `complete` it at their end."""
        return self._checked(samples) if self.skips else samples

    def complete(self) -> None:
        """Say what was skipped in the pass, and raise if it was too much."""
        if not self._names:
            return
        logger.warning(
            "Skipped %d of %d samples because of errors: %s%s",
            len(self._names),
            self.num_generated,
            ", ".join(self._names[:_NAMED_AT_THE_END]),
            ", ..." if len(self._names) > _NAMED_AT_THE_END else "",
        )
        if self._num_samples is None:
            self._check(self.num_generated)

    def _checked(self, samples: Iterator[T]) -> Iterator[T]:
        yield from samples
        self.complete()

    def _check(self, num_samples: int) -> None:
        number = len(self._names)
        if number > self._largest_share * num_samples:
            raise DataError(
                f"{number} of the {num_samples} samples of a pass failed, more than the tolerated "
                f"{self._largest_share:.2%} (`on_error_limit`); the latest: {self._last}"
            ) from self._last
