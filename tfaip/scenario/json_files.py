"""Files of JSON that somebody may have written by hand, or to do harm: read, or refused with the place."""

import json
import re
import stat
from collections import Counter
from json.decoder import JSONObject  # type: ignore[attr-defined] - in Python, so that it can be followed
from json.scanner import py_make_scanner  # type: ignore[attr-defined]
from pathlib import Path
from typing import Any, Dict, List, NoReturn, Tuple

from tfaip.errors import UsageError
from tfaip.files import with_float
from tfaip.printable import printable

_LARGEST = 32 * 2**20  # bytes; params of real scenarios are below 1 MiB, codecs included
_TEXT_OR_CONSTANT = re.compile(r'"(?:[^"\\]|\\.)*"|NaN|-?Infinity')


class _MistakeError(Exception):
    """What is wrong, and at which character."""

    def __init__(self, text: str, position: int | None = None):
        super().__init__(text)
        self.position = position


def read_json_object(path: Path) -> Dict[str, Any]:
    """Return the JSON object in a file of params.

    Raises:
        UsageError: There is no such file, it is too large, it is no JSON, or its top level is no object.
    """
    name = f"The parameter file `{printable(path)}`"
    try:
        content = _parsed(_text(path, name))
    except json.JSONDecodeError as error:
        place = f"line {error.lineno}, column {error.colno}"
        raise UsageError(f"{name} is no JSON ({place}): {error.msg}.") from error
    except _MistakeError as error:
        raise UsageError(f"{name} {error}") from error
    except UnicodeDecodeError as error:
        raise UsageError(f"{name} is no JSON: byte {error.start} is no UTF-8.") from error
    except RecursionError as error:
        raise UsageError(f"{name} is nested too deeply.") from error
    except MemoryError as error:
        raise UsageError(f"{name} does not fit into memory.") from error
    if not isinstance(content, dict):
        raise UsageError(f"{name} must hold a JSON object, got a {type(content).__name__}.")
    return content


def _text(path: Path, name: str) -> str:
    try:
        status = path.stat()
        if not stat.S_ISREG(status.st_mode):
            raise UsageError(f"{name} is no file.")
        if status.st_size > _LARGEST:
            raise UsageError(f"{name} is larger than {_LARGEST // 2**20} MiB, which params never are.")
        return path.read_bytes().decode("utf-8-sig")
    except FileNotFoundError:
        raise UsageError(f"There is no parameter file `{printable(path)}`.") from None
    except OSError as error:
        raise UsageError(f"{name} cannot be read: {error.strerror}.") from error


def _parsed(text: str) -> Any:
    try:
        return json.loads(text, object_pairs_hook=_object, parse_constant=_refuse_constant)
    except _MistakeError as error:
        position = _position_of_constant(text) if error.position == -1 else _position_of_duplicate(text)
        line, column = text.count("\n", 0, position) + 1, position - text.rfind("\n", 0, position)
        raise _MistakeError(f"{error} (line {line}, column {column}).") from error


def _object(pairs: List[Tuple[str, Any]]) -> Any:
    content = dict(pairs)
    if len(content) < len(pairs):
        key = next(key for key, count in Counter(key for key, _ in pairs).items() if count > 1)
        raise _MistakeError(f"has the key `{printable(key)}` twice in one object")
    return with_float(content)


def _refuse_constant(name: str) -> NoReturn:
    raise _MistakeError(f"holds {name}, which JSON does not know", -1)


def _position_of_constant(text: str) -> int:
    return next((m.start() for m in _TEXT_OR_CONSTANT.finditer(text) if m[0][0] != '"'), 0)


def _position_of_duplicate(text: str) -> int:
    """Return where the object with the repeated key begins, by reading once more, in Python."""
    decoder: Any = json.JSONDecoder(object_pairs_hook=_object)

    def parse_object(text_and_end: Tuple[str, int], *args: Any) -> Any:
        try:
            return JSONObject(text_and_end, *args)
        except _MistakeError as error:
            if error.position is None:
                error.position = text_and_end[1] - 1
            raise

    decoder.parse_object = parse_object
    decoder.scan_once = py_make_scanner(decoder)
    try:
        decoder.decode(text)
    except _MistakeError as error:
        return error.position or 0
    return 0
