"""Rules that change learning rate and weight decay for variables by their names."""

import re
from collections.abc import Iterable
from dataclasses import dataclass

from tfaip.errors import UsageError
from tfaip.params.checks import check_pattern

_FACTOR = re.compile(r"(lr|decay)\*(.+)")
_EXPECTED = "`PATTERN=lr*FACTOR`, `PATTERN=decay*FACTOR` or `PATTERN=lr*FACTOR,decay*FACTOR`"


@dataclass(frozen=True)
class GroupRule:
    """Factors for the variables whose path a pattern matches.

    Attributes:
        pattern: Regular expression for one or more whole parts of the path: `bias` matches `a/b/bias`, not
            `a/bias_net/kernel`; `head/linear1` matches `head/linear1/kernel`, not `head/linear10/kernel`.
        lr: Factor for the learning rate, and with it for the decoupled weight decay.
        decay: Factor for the weight decay.
        source: The flag it was read from, for messages.
    """

    pattern: str
    lr: float = 1.0
    decay: float = 1.0
    source: str = ""

    def matches(self, path: str) -> bool:
        """Return whether the variable at `path` is meant."""
        return matches_parts(self.pattern, path)


def matches_parts(pattern: str, path: str) -> bool:
    """Return whether `pattern` matches one or more whole parts of `path`, which are joined by `/`."""
    return re.search(rf"(?:^|/)(?:{pattern})(?:/|$)", path) is not None


def parse_rules(texts: Iterable[str]) -> list[GroupRule]:
    """Return the rules that stand behind `--optimizer.groups`.

    Raises:
        UsageError: If one can not be read.
    """
    return [_parse_rule(text) for text in texts]


def undecayed(patterns: Iterable[str]) -> list[GroupRule]:
    """Return rules that take the weight decay from variables in whose path one of the patterns is found."""
    flag = "--optimizer.exclude_from_weight_decay"
    return [GroupRule(f".*(?:{p}).*", decay=0.0, source=f"{flag} {p}") for p in patterns]


def _parse_rule(text: str) -> GroupRule:
    pattern, equals, factors = text.rpartition("=")
    if not equals or not pattern:
        raise UsageError(f"`--optimizer.groups` expects {_EXPECTED}, got `{text}`.")
    check_pattern("--optimizer.groups", pattern)
    values: dict[str, float] = {}
    for factor in factors.split(","):
        name, value = _parse_factor(factor.strip(), text)
        if name in values:
            raise UsageError(f"`--optimizer.groups` got two factors for `{name}` in `{text}`. Remove one.")
        values[name] = value
    return GroupRule(pattern, **values, source=f"--optimizer.groups {text}")


def _parse_factor(factor: str, text: str) -> tuple[str, float]:
    match = _FACTOR.fullmatch(factor)
    try:
        value = float(match[2]) if match else -1.0
    except ValueError:
        value = -1.0
    if not match or not 0 <= value < float("inf"):
        raise UsageError(
            f"`--optimizer.groups` expects {_EXPECTED} with factors of 0 or more, got `{factor}` in `{text}`."
        )
    return match[1], value
