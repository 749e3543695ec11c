"""Which class did a subclass put in for a type parameter, without metaclasses."""

import inspect
from collections.abc import Mapping
from dataclasses import field
from typing import Any, TypeVar, get_args, get_origin


def type_argument(cls: type, parameter: TypeVar) -> Any:
    """Return the class that `cls` or an ancestor bound to `parameter`, else the bound of `parameter`.

    A subclass may rename the variable before a later one binds it; `given` is then followed upwards.
    Arguments are taken by position; one that does not fit the bound of its place goes to the variable whose
    bound it fits.
    """
    for ancestor in cls.__mro__:
        for base in vars(ancestor).get("__orig_bases__", ()):
            given = _arguments_by_parameter(base).get(parameter, parameter)
            if given is parameter:
                continue
            return type_argument(cls, given) if isinstance(given, TypeVar) else given
    return parameter.__bound__


def bind_fields(cls: type, parameters: Mapping[str, TypeVar]) -> None:
    """Give the fields of a generic dataclass the classes that `cls` put in for their type parameters.

    Call it in `__init_subclass__`, that is before `@dataclass` sees the subclass: the field's type becomes
    the bound class, its default a new instance of it, its metadata stays. A field that the subclass declares
    itself is left alone, and the parent's fields are never touched.
    """
    declared = inspect.get_annotations(cls)
    inherited: Any = getattr(cls, "__dataclass_fields__", {})
    for name, parameter in parameters.items():
        bound = type_argument(cls, parameter)
        if name in declared or bound in (None, parameter.__bound__):
            continue
        cls.__annotations__ = {**inspect.get_annotations(cls), name: bound}
        metadata = inherited[name].metadata if name in inherited else {}
        setattr(cls, name, field(default_factory=bound, metadata=metadata))


def _arguments_by_parameter(base: Any) -> dict[Any, Any]:
    """Return which argument the subscription `base` gives to each type parameter of its class."""
    declared: tuple[Any, ...] = getattr(get_origin(base), "__parameters__", ())
    arguments = list(get_args(base))
    given = {p: a for p, a in zip(declared, arguments, strict=False) if _fits(a, p)}
    rest = [a for a in arguments if not any(a is taken for taken in given.values())]
    for parameter in declared:
        if parameter not in given:
            match = next((a for a in rest if _fits(a, parameter)), None)
            if match is not None:
                given[parameter] = match
                rest.remove(match)
    return given


def _fits(argument: Any, parameter: Any) -> bool:
    bound = getattr(parameter, "__bound__", None)
    if isinstance(argument, TypeVar):
        argument = argument.__bound__
    if not isinstance(bound, type) or not isinstance(argument, type):
        return True
    return issubclass(argument, bound)
