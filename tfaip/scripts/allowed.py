"""`--allow PACKAGE ...`: what files of params may name besides tfaip and the package of their scenario."""

from argparse import ArgumentParser
from collections.abc import Sequence

from tfaip.errors import UsageError
from tfaip.params.trust import allow
from tfaip.params.words import split_words

_FLAG = "--allow"


def allow_named(words: Sequence[str]) -> None:
    """Trust the packages behind `--allow`. Call it before a file of params is read.

    Raises:
        UsageError: If there is none, or one is not the name of a package.
    """
    for given in split_words(words)[0]:
        if given.flag == _FLAG:
            if not given.values:
                raise UsageError(f"`{_FLAG}` expects the names of packages, got nothing.")
            allow(*given.values)


def add_allow_option(parser: ArgumentParser) -> None:
    """Let `parser` know `--allow`."""
    parser.add_argument(
        _FLAG,
        metavar="PACKAGE",
        nargs="+",
        help="packages of yours, besides the scenario's, that the stored parameters may load classes from",
    )
