"""Which code a file may name: the one place where a name in a file becomes a class.

A file of params names classes, `"__cls__": "package.module:Class"`. A name is followed only if its package is
trusted: tfaip, what a program allows (`--allow PACKAGE`, `allow`), and the packages of the class that is
read, which is the scenario's. That is checked before anything is imported. Nothing in a file or in the
environment changes what is trusted.
"""

import inspect
import re
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import is_dataclass
from typing import Any, NoReturn

from tfaip.errors import UntrustedError, UsageError
from tfaip.params.module_places import find_module, search_working_directory, untrusted_place
from tfaip.params.user_modules import import_user_module
from tfaip.printable import printable

_NAME = re.compile(r"[^\W\d]\w*(\.[^\W\d]\w*)*")
_allowed: frozenset[str] = frozenset()
_source: ContextVar[str | None] = ContextVar("source", default=None)


def allow(*packages: str) -> None:
    """Trust what files name in these packages and modules, until this process ends.

    Args:
        packages: Names such as `my_package`, or `my_package.part` for what is below that only.

    Raises:
        UsageError: If one is not the name of a module.
    """
    global _allowed
    for package in packages:
        if not _NAME.fullmatch(package):
            raise UsageError(f"`--allow` expects the name of a package, such as `mine`, got `{package}`.")
    _allowed |= set(packages)
    if packages:
        search_working_directory()  # as for every name that a user gives


def allow_named_by_user(module: str) -> None:
    """Trust a module that stands on the command line, as the home of a class."""
    if _NAME.fullmatch(module):
        allow(module)


def packages_to_allow(own: Iterable[str] = ()) -> list[str]:
    """Return what another process needs behind `--allow` to trust what this one does, besides `own`."""
    return sorted({_top(name) for name in _allowed} - {*own, "tfaip", *sys.stdlib_module_names})


@contextmanager
def allowing(*packages: str) -> Iterator[None]:
    """Trust what files name in these packages while the `with` block runs."""
    global _allowed
    before = _allowed
    allow(*packages)
    try:
        yield
    finally:
        _allowed = before


def is_allowed(module: str, own: Iterable[str] = ()) -> bool:
    """Return whether files may name what is in `module`: tfaip, what was allowed, and the packages `own`."""
    return any(module == name or module.startswith(f"{name}.") for name in ("tfaip", *_allowed, *own))


def packages_of(cls: type) -> frozenset[str]:
    """Return the packages that `cls` and its bases come from, without those of Python."""
    packages = {base.__module__.partition(".")[0] for base in cls.__mro__}
    return frozenset(packages - sys.stdlib_module_names)


def packages_of_loaded(cls: type) -> frozenset[str]:
    """Return the packages of `cls` and of all its subclasses that this process has loaded."""
    return packages_of(cls).union(*map(packages_of_loaded, cls.__subclasses__()))


@contextmanager
def reading(source: object) -> Iterator[None]:
    """Let messages say that what is read in the `with` block comes from the file `source`."""
    token = _source.set(str(source))
    try:
        yield
    finally:
        _source.reset(token)


def source_name() -> str:
    """Return the file that is being read, in quotes, or what to call params of another origin."""
    source = _source.get()
    return "The given dict" if source is None else f"`{printable(source)}`"


def source_path() -> str | None:
    """Return the file that is being read."""
    return _source.get()


def check_name(name: Any, place: str, own: Iterable[str]) -> tuple[str, str]:
    """Return module and class of `module:Class`, which a file may name; nothing is imported.

    Raises:
        UntrustedError: If it may not.
    """
    module, _, class_name = name.partition(":") if isinstance(name, str) else ("", "", "")
    if not _NAME.fullmatch(module) or not class_name.isidentifier():
        refuse(name, place, "it is no `module:Class`", hint=False)
    if not is_allowed(module, own):
        refuse(name, place, f"`{_top(module)}` is neither tfaip nor the package of the scenario")
    if module not in sys.modules and not is_allowed(module):
        reason = untrusted_place(module, find_module(module), source_path())
        if reason:
            refuse(name, place, reason)
    return module, class_name


def stored_class(
    name: Any, declared: type, place: str, own: Iterable[str], *, any_base: bool = False
) -> type:
    """Return the params class that a file names for a place where `declared` belongs.

    Args:
        name: `module:Class`.
        declared: The class must be this one or a subclass.
        place: The keys that lead to the name in the file.
        own: Packages that may be named besides tfaip and those that were allowed.
        any_base: Accept params classes that are no subclass.

    Raises:
        UntrustedError: If the name is not on the list, which is found before an import, or leads to anything
            but such a class.
    """
    found: Any = declared
    if name != f"{declared.__module__}:{declared.__name__}":
        found = _found(name, place, own)
    if not any_base and not issubclass(found, declared):
        refuse(name, place, f"a subclass of `{declared.__name__}` belongs there", hint=False)
    if inspect.isabstract(found):
        refuse(name, place, "it is abstract", hint=False)
    return found


def _found(name: Any, place: str, own: Iterable[str]) -> type:
    module_name, class_name = check_name(name, place, own)
    found = vars(import_user_module(module_name)).get(class_name)
    if not isinstance(found, type) or not is_dataclass(found) or not hasattr(found, "__pai_dataclass__"):
        refuse(name, place, "it is no class of params", hint=False)
    if not is_allowed(found.__module__, own) or found.__name__ != class_name:
        refuse(name, place, f"it is another name of `{found.__module__}:{found.__qualname__}`", hint=False)
    return found


def refuse(name: Any, place: str, reason: str, *, hint: bool = True) -> NoReturn:
    """Raise: `name` in a file is not followed.

    Raises:
        UntrustedError: With file, place, name, the reason, and how to allow it if that would help.
    """
    at = f" at `{printable(place)}`" if place else ""
    text = f"{source_name()} names `{printable(name)}`{at}, which is not loaded: {reason}."
    if hint and isinstance(name, str):
        package = printable(_top(name.partition(":")[0]))
        text += f" If you trust it, add `--allow {package}`, or call `tfaip.params.trust.allow({package!r})`."
    raise UntrustedError(text)


def _top(module: str) -> str:
    return module.partition(".")[0]
