"""Import a module that the user named, and say where it failed in the user's own files."""

import importlib
import os
import sys
import sysconfig
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from traceback import FrameSummary
from types import ModuleType

from tfaip.errors import TfaipError, UsageError
from tfaip.params.suggestions import closest, offer

_LIBRARIES = tuple(os.path.join(sysconfig.get_path(key), "") for key in ("stdlib", "purelib", "platlib"))
_SEARCHED = " Python looks on PYTHONPATH, then in the working directory."
_OWN_FOLDER = os.path.join(Path(__file__).resolve().parents[1], "")


class UserModuleError(UsageError, ModuleNotFoundError):
    """A module that the user named does not exist, or its import fails."""


def import_user_module(name: str) -> ModuleType:
    """Return the imported module `name`.

    Raises:
        UserModuleError: If there is no such module: with the nearest names. If its own code fails while it is
            imported: with the user's file, the line and the cause.
    """
    if not all(name.split(".")):
        raise UserModuleError(f"`{name}` is not the name of a module, such as `package.module`.")
    try:
        return importlib.import_module(name)
    except (Exception, SystemExit) as error:
        frames = _frames_of_user(error)
        if isinstance(error, ModuleNotFoundError) and not frames:
            raise UserModuleError(
                f"There is no module `{name}`.{nearest_modules(name) or _SEARCHED}"
            ) from error
        raise import_failure(name, error) from error


def import_failure(name: str, error: BaseException) -> UserModuleError:
    """Return the error that says where and why the import of the module `name` fails."""
    return UserModuleError(_failure(f"`{name}`", error, _frames_of_user(error)))


def nearest_modules(name: str) -> str:
    """Return ` Did you mean ...?` with the modules that are called nearly as `name`, or an empty string."""
    return offer(_nearest_modules(name))


@contextmanager
def import_failures_reported(what: str) -> Iterator[None]:
    """Report a module of the user that fails while it is imported in the `with` block, as above.

    Parts of a scenario are imported late, by functions that do more. Errors that do not come from an import
    in the user's own files pass unchanged.

    Args:
        what: What the modules belong to, for the message.
    """
    try:
        yield
    except TfaipError:
        raise
    except Exception as error:
        frames = _frames_of_user(error)
        own = _outside_of_libraries(frames)
        in_import_statement = isinstance(error, ImportError) and own[-1:] == frames[-1:] != []
        while_importing = any(frame.name == "<module>" for frame in own)
        if in_import_statement or while_importing or (isinstance(error, SyntaxError) and own):
            raise UserModuleError(_failure(what, error, frames)) from error
        raise


def _frames_of_user(error: BaseException) -> list[FrameSummary]:
    """Return the lines that ran since the import began, without Python's import machinery."""
    return [
        frame
        for frame in traceback.extract_tb(error.__traceback__)
        if frame.filename not in (__file__, importlib.__file__)
        and not frame.filename.startswith("<frozen importlib")
    ]


def _outside_of_libraries(frames: list[FrameSummary]) -> list[FrameSummary]:
    return [frame for frame in frames if not frame.filename.startswith((*_LIBRARIES, _OWN_FOLDER))]


def _failure(what: str, error: BaseException, frames: list[FrameSummary]) -> str:
    return f"Importing {what} failed in {_place(error, frames)}: {_cause(error)}"


def _place(error: BaseException, frames: list[FrameSummary]) -> str:
    """Return file and line of the mistake: the last ones outside of all libraries, if there are such."""
    if isinstance(error, SyntaxError) and error.filename and os.path.exists(error.filename):
        return f"{error.filename}, line {error.lineno}"
    for frame in reversed(_outside_of_libraries(frames) or frames):
        return f"{frame.filename}, line {frame.lineno}"
    return "a compiled module"


def _cause(error: BaseException) -> str:
    text = error.msg if isinstance(error, SyntaxError) else str(error)
    first_line = text.strip().partition("\n")[0]
    cause = f"{type(error).__name__}: {first_line}".rstrip(": ").rstrip(".")
    if isinstance(error, ModuleNotFoundError):
        return f"{cause}. Install it, or correct the import."
    return f"{cause}."


def _nearest_modules(name: str) -> list[str]:
    """Return modules that are called nearly as `name`, whose parents exist."""
    parts = name.split(".")
    known = next((i for i in range(len(parts) - 1, 0, -1) if ".".join(parts[:i]) in sys.modules), 0)
    folders = getattr(sys.modules[".".join(parts[:known])], "__path__", []) if known else _user_path()
    names = {module for folder in folders for module in _modules_in(folder)}
    return [".".join([*parts[:known], near, *parts[known + 1 :]]) for near in closest(parts[known], names)]


def _user_path() -> list[str]:
    return [folder for folder in sys.path if not os.path.join(folder, "").startswith(_LIBRARIES)]


def _modules_in(folder: str) -> list[str]:
    # `pkgutil.iter_modules` leaves out folders without `__init__.py`.
    try:
        entries = list(os.scandir(folder or "."))
    except OSError:
        return []
    return [
        entry.name.removesuffix(".py")
        for entry in entries
        if not entry.name.startswith(("_", ".")) and (entry.is_dir() or entry.name.endswith(".py"))
    ]
