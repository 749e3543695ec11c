"""The words of a command line, sorted into flags and their values."""

from collections.abc import Iterable
from dataclasses import dataclass, field


@dataclass
class Given:
    """A flag with its values, as the user typed them.

    Attributes:
        flag: The flag with its dashes, without `=value`.
        values: What stood behind it, up to the next flag.
        words: The words of the command line that this was read from.
        follower: The flag that came next.
    """

    flag: str
    values: list[str] = field(default_factory=list)
    words: list[str] = field(default_factory=list)
    follower: str = ""

    @property
    def name(self) -> str:
        """The flag without its dashes."""
        return self.flag.lstrip("-")

    def __str__(self) -> str:
        return " ".join(self.words)


def split_words(words: Iterable[str]) -> tuple[list[Given], list[str]]:
    """Return the flags with their values, and the words that stand before the first flag.

    `--a b c` and `--a=b c` are the flag `--a` with the values `b` and `c`. A negative number is a value; any
    other value that starts with a dash must be written `--a=-b`.
    """
    given: list[Given] = []
    stray: list[str] = []
    for word in words:
        if _is_flag(word):
            flag, equals, value = word.partition("=")
            if given:
                given[-1].follower = word
            given.append(Given(flag, [value] if equals else [], [word]))
        elif given:
            given[-1].values.append(word)
            given[-1].words.append(word)
        else:
            stray.append(word)
    return given, stray


def _is_flag(word: str) -> bool:
    return len(word) > 1 and word.startswith("-") and not _is_number(word)


def _is_number(word: str) -> bool:
    # argparse knows `-1` and `-1.5`, but takes `-1e-3` and `-inf` for flags.
    try:
        float(word)
    except ValueError:
        return False
    return True
