"""Which version of tfaip has written a file of params?"""

import re
from collections.abc import Mapping
from typing import Any

from tfaip.errors import UsageError
from tfaip.params.trust import source_name
from tfaip.printable import printable
from tfaip.version import __version__


def is_older_version(scenario_params: Mapping[str, Any]) -> bool:
    """Return whether an older version has written these scenario params.

    Raises:
        UsageError: If a newer one has: what it means by them is not known here.
    """
    written = scenario_params.get("tfaip_version") if isinstance(scenario_params, Mapping) else None
    if not isinstance(written, str) or written == __version__:
        return False
    release = _release(written)
    if release is None:
        return False
    if release > _RELEASE_OF_US:
        raise UsageError(
            f"{source_name()} was written by tfaip {printable(written)}, but this is tfaip {__version__}. "
            "Install that version or a newer one."
        )
    return release < _RELEASE_OF_US


def _release(version: str) -> tuple[int, ...] | None:
    """Return the numbers before the second dot, which change with the format; None if there are none."""
    match = re.match(r"(\d+)\.(\d+)", version)
    return tuple(map(int, match.groups())) if match else None


_RELEASE_OF_US = _release(__version__) or ()
