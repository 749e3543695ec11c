"""Versions of Keras that read files of others carelessly."""

import importlib.metadata
import logging
import re

logger = logging.getLogger(__name__)


def warn_of_keras() -> None:
    """Log a warning if the Keras that is installed has holes that later versions closed."""
    version = importlib.metadata.version("keras")
    if has_known_holes(version):
        logger.warning(
            "Keras %s has known holes: files of others can make it read or run what they name. "
            "Install 3.12.3, or 3.14.1 or newer: `pip install -U keras`.",
            version,
        )


def has_known_holes(version: str) -> bool:
    """Return whether a version of Keras lacks the fixes of 3.12.3 and 3.14.1."""
    numbers = tuple(map(int, re.findall(r"\d+", version)[:3]))
    return not ((3, 12, 3) <= numbers < (3, 13) or numbers >= (3, 14, 1))
