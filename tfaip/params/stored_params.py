"""From the JSON of params to the params: classes from the list of `trust`, values of the declared types.

paiargparse reads the same JSON with `from_dict`, but imports what it names, drops keys that no field has, and
lets text stand for a number. Here a mistake is an error that names its place, and what older versions have
written is read with a note of what was added and left out.
"""

import logging
import sys
from collections import abc
from collections.abc import Collection, Mapping
from dataclasses import MISSING, Field, dataclass, field, fields, is_dataclass, replace
from functools import cache
from types import NoneType, UnionType
from typing import Any, NewType, TypeVar, Union, get_args, get_origin, get_type_hints

from tfaip.errors import TfaipError, UntrustedError, UsageError
from tfaip.params.stored_values import MismatchError, plain_value, shown
from tfaip.params.suggestions import closest, offer
from tfaip.params.trust import check_name, packages_of, refuse, source_name, source_path, stored_class
from tfaip.printable import printable

NAMES_CODE = {"names_code": True}
"""Metadata of a field whose text, or texts, are `module:name` of code that is imported later."""

_CLASS = "__cls__"
_ALSO_NAMED = ("keras.optimizers",)  # what is in there are optimizers
_DEEPEST = 100
_DICTS = (dict, abc.Mapping, abc.MutableMapping)
_LISTS = (list, tuple, set, frozenset, abc.Sequence, abc.Collection, abc.Iterable, abc.Set)

_Path = tuple[str, ...]

logger = logging.getLogger(__name__)


def params_from_stored(
    cls: type,
    content: Mapping[str, Any],
    *,
    own: Collection[str] = (),
    is_older: bool = False,
    may_import: bool = True,
) -> Any:
    """Return the params that `content` describes.

    Args:
        cls: The class of the params, or a base of the class that `content` names.
        content: What `to_dict` gave, or a file of it holds.
        own: Packages that `content` may name besides tfaip, what was allowed, and the packages of `cls`.
        is_older: Leave out keys that no field has: an older version of tfaip has written them.
        may_import: Import the modules that `content` names; else they must be loaded already.

    Raises:
        UntrustedError: If `content` names a class that is not trusted; it was not imported.
        UsageError: If a key or a value does not fit.
    """
    names_of_bases = [f"{base.__module__}:{base.__name__}" for base in cls.__mro__]
    if isinstance(content, Mapping) and content.get(_CLASS) in names_of_bases:
        content = {key: value for key, value in content.items() if key != _CLASS}
    reader = _Reader(frozenset(own), is_older, may_import)
    try:
        params = reader.params(cls, content, ())
    except MismatchError as error:
        raise UsageError(f"{source_name()} is {shown(content)}, but must be {error}.") from None
    reader.tell_changes()
    return params


@dataclass
class _Reader:
    """Reads one file, and notes how it differs from what this version writes."""

    own: frozenset[str]
    is_older: bool
    may_import: bool
    defaulted: list[str] = field(default_factory=list)
    left_out: list[str] = field(default_factory=list)
    moved: list[str] = field(default_factory=list)

    def params(self, declared: type, content: Any, path: _Path, of: "Field[Any] | None" = None) -> Any:
        """Return the params of class `declared`, or of the subclass that `content` names."""
        if is_dataclass(content) and not isinstance(content, type):
            return content
        if not isinstance(content, Mapping):
            raise MismatchError(f"an object with the fields of `{declared.__name__}`")
        if len(path) > _DEEPEST:
            raise UsageError(f"{source_name()} is nested deeper than {_DEEPEST} levels.")
        own = self.own | packages_of(declared) | _packages_of_choices(of)
        cls = self._class(declared, content, path, own, of)
        reader = replace(self, own=own)
        return reader._instance(cls, content, path)

    def tell_changes(self) -> None:
        """Log what was added, left out and moved, once for each file."""
        parts = [
            f"{what}: {', '.join(sorted(set(names)))}"
            for what, names in (
                ("taken from the defaults", self.defaulted),
                ("left out, for no field has that name", self.left_out),
                ("classes that moved", self.moved),
            )
            if names
        ]
        if parts and (self.is_older or source_path()):
            _say_once(f"{source_name()} is not as this version writes it; {'; '.join(parts)}.")

    def _class(
        self, declared: type, content: Any, path: _Path, own: frozenset[str], of: "Field[Any] | None"
    ) -> type:
        name = content.get(_CLASS)
        if name is None:
            return declared
        if not self.may_import and str(name).partition(":")[0] not in sys.modules:
            refuse(name, _dotted((*path, _CLASS)), "its module is not loaded", hint=False)
        any_base = bool(of and of.metadata.get("disable_subclass_check"))
        cls = stored_class(name, declared, _dotted((*path, _CLASS)), own, any_base=any_base)
        if name != f"{cls.__module__}:{cls.__name__}":
            self.moved.append(f"{name} to {cls.__module__}:{cls.__name__}")
        return cls

    def _instance(self, cls: type, content: Mapping[str, Any], path: _Path) -> Any:
        names = {_name_in_json(cls, one): one for one in fields(cls)}
        self._check_keys(cls, content, names, path)
        arguments = {}
        for name, one in names.items():
            if not one.init:
                continue
            here = (*path, name)
            if name in content:
                arguments[one.name] = self._field(cls, one, content[name], here)
            elif one.default is not MISSING or one.default_factory is not MISSING:
                self.defaulted.append(_dotted(here))
            else:
                raise UsageError(f"{source_name()} lacks `{_dotted(here)}`, which has no default.")
        try:
            return cls(**arguments)
        except TfaipError:
            raise
        except ValueError as error:  # a `__post_init__` of the user
            raise UsageError(f"{source_name()} can not be used: {error}") from error

    def _check_keys(
        self, cls: type, content: Mapping[str, Any], names: Mapping[str, Any], path: _Path
    ) -> None:
        for key in content:
            if key in names or key == _CLASS:
                continue
            near = closest(str(key), names)
            is_ours = cls.__module__.partition(".")[0] == "tfaip"
            if self.is_older or not (near or is_ours):
                self.left_out.append(_dotted((*path, str(key))))
                continue
            raise UsageError(
                f"{source_name()} has the key `{_dotted((*path, str(key)))}`, but `{cls.__name__}` has no "
                f"field of that name.{offer(near)} Correct or remove it."
            )

    def _field(self, cls: type, one: "Field[Any]", value: Any, path: _Path) -> Any:
        kind = _types(cls)[one.name]
        decoder = _of_dataclasses_json(one).get("decoder")
        try:
            if decoder is not None:
                return value if type(value) is kind else decoder(value)
            result = self._value(kind, value, path, one)
        except MismatchError as error:
            if type(value) is type(one.default) and self._is_loose(kind, one):
                return value
            raise UsageError(
                f"{source_name()} has `{_dotted(path)}`: {shown(value)}, but `{cls.__name__}.{one.name}` "
                f"expects {error}."
            ) from None
        if one.metadata.get("names_code"):
            self._check_code(result, path)
        return result

    def _is_loose(self, kind: Any, one: "Field[Any]") -> bool:
        """Return whether not even the default fits the annotation, as in `x: str = None`."""
        try:
            self._value(kind, one.default, (), one)
        except MismatchError:
            return True
        return False

    def _value(self, kind: Any, value: Any, path: _Path, of: "Field[Any]") -> Any:
        """Return `value` as a `kind`, which is an annotation."""
        if isinstance(kind, TypeVar):
            kind = kind.__bound__
        while isinstance(kind, NewType):
            kind = kind.__supertype__
        origin = get_origin(kind)
        if origin in (Union, UnionType):
            return self._one_of_several(kind, value, path, of)
        if is_dataclass(kind):
            return self.params(kind, value, path, of)  # type: ignore[arg-type]
        container: Any = origin if isinstance(origin, type) else kind
        if is_dataclass(container):  # a generic class of params, subscribed
            return self.params(container, value, path, of)  # type: ignore[arg-type]
        if container in _DICTS:
            return self._dict(kind, value, path, of)
        if container in _LISTS:
            return self._items(container, get_args(kind), value, path, of)
        return plain_value(kind, value)

    def _one_of_several(self, kind: Any, value: Any, path: _Path, of: "Field[Any]") -> Any:
        arms = [arm for arm in get_args(kind) if arm is not NoneType]
        if value is None and len(arms) < len(get_args(kind)):
            return None
        if len(arms) == 1:
            return self._value(arms[0], value, path, of)
        failures: list[Exception] = []
        for arm in arms:
            try:
                return self._value(arm, value, path, of)
            except (MismatchError, UsageError, UntrustedError) as error:
                failures.append(error)
        refused = [error for error in failures if isinstance(error, UntrustedError)]
        mismatches = [str(error) for error in failures if isinstance(error, MismatchError)]
        if refused or len(mismatches) < len(failures):
            raise (refused or [e for e in failures if not isinstance(e, MismatchError)])[0]
        raise MismatchError(", or ".join(dict.fromkeys(mismatches)))

    def _items(
        self, container: Any, kinds: tuple[Any, ...], value: Any, path: _Path, of: "Field[Any]"
    ) -> Any:
        if isinstance(value, str | Mapping) or not isinstance(value, Collection):
            raise MismatchError("a list")
        if issubclass(container, tuple) and kinds and kinds[-1] is not Ellipsis:
            if len(kinds) != len(value):
                raise MismatchError(f"a list of {len(kinds)}")
        else:
            kinds = (kinds[0] if kinds else Any,) * len(value)
        items = [
            self._item(kind, item, (*path, str(number)), of)
            for number, (kind, item) in enumerate(zip(kinds, value, strict=True))
        ]
        return container(items) if container in (set, frozenset, tuple) else items

    def _dict(self, kind: Any, value: Any, path: _Path, of: "Field[Any]") -> dict[Any, Any]:
        if not isinstance(value, Mapping):
            raise MismatchError("an object")
        of_key, of_item = get_args(kind) or (Any, Any)
        return {
            _key(of_key, key): self._item(of_item, item, (*path, str(key)), of) for key, item in value.items()
        }

    def _item(self, kind: Any, value: Any, path: _Path, of: "Field[Any]") -> Any:
        try:
            return self._value(kind, value, path, of)
        except MismatchError as error:
            raise UsageError(
                f"{source_name()} has `{_dotted(path)}`: {shown(value)}, but {error} belongs there."
            ) from None

    def _check_code(self, value: Any, path: _Path) -> None:
        """Raise unless the code that a text names may be imported later."""
        for name in [value] if isinstance(value, str) else value or []:
            if ":" in name:
                check_name(name, _dotted(path), {*self.own, *_ALSO_NAMED})


@cache
def _types(cls: type) -> dict[str, Any]:
    return get_type_hints(cls)


@cache
def _say_once(text: str) -> None:
    """Log `text`, for a command reads its files more than once."""
    logger.info("%s", text)


def _of_dataclasses_json(one: "Field[Any]") -> dict[str, Any]:
    return one.metadata.get("dataclasses_json", {})


def _name_in_json(cls: type, one: "Field[Any]") -> str:
    of_class = getattr(cls, "dataclass_json_config", None) or {}
    rename: Any = _of_dataclasses_json(one).get("letter_case") or of_class.get("letter_case")
    return one.name if rename is None else rename(one.name)


def _packages_of_choices(of: "Field[Any] | None") -> frozenset[str]:
    choices = (of.metadata.get("choices") if of else None) or []
    return frozenset().union(*(packages_of(choice) for choice in choices if isinstance(choice, type)))


def _key(kind: Any, key: Any) -> Any:
    """Return the key of a dict, which JSON keeps as text."""
    if kind in (int, float) and isinstance(key, str):
        try:
            return kind(key)
        except ValueError:
            raise MismatchError("an object whose keys are numbers") from None
    return plain_value(kind, key)


def _dotted(path: _Path) -> str:
    return printable(".".join(path))
