"""Callbacks and policies that a user names on the command line."""

from collections.abc import Collection, Iterable
from typing import Any

import keras

from tfaip.errors import UsageError
from tfaip.params.suggestions import did_you_mean
from tfaip.params.user_modules import import_user_module
from tfaip.trainer.callbacks.policy_callback import callback_of
from tfaip.trainer.policies.policy import Policy
from tfaip.trainer.policies.policy_params import PolicyParams
from tfaip.trainer.policies.value_params import LEARNING_RATE, ValueParams

Callback = keras.callbacks.Callback
_FLAG = "--trainer.callbacks"


def create_callbacks(words: Iterable[str]) -> list[Callback]:
    """Return one new callback for each `module:Class`.

    Raises:
        UsageError: There is no such class, it can not be created without arguments, or it is neither a Keras
            callback nor a policy.
    """
    return as_callbacks(_create(word) for word in words)


def as_callbacks(objects: Iterable[Any]) -> list[Callback]:
    """Return callbacks and policies as callbacks.

    Raises:
        UsageError: An object is neither.
    """
    return [_as_callback(item) for item in objects]


def policy_callbacks(policies: Iterable[PolicyParams], asked: Collection[str]) -> list[Callback]:
    """Return one new callback for each policy.

    Args:
        policies: Their params.
        asked: The names of the values that the model asks for.

    Raises:
        UsageError: A value has no name, one that the model never asks for, or one that is taken.
    """
    policies = list(policies)
    names = [params.name for params in policies if isinstance(params, ValueParams)]
    for number, name in enumerate(names):
        if name not in {*asked, LEARNING_RATE} or name in names[:number]:
            raise UsageError(_wrong_name(name, asked))
    return [callback_of(params.create()) for params in policies]


def _wrong_name(name: str, asked: Collection[str]) -> str:
    known = ", ".join(f"`{one}`" for one in asked) or "no value; call `self.value(name, default)` in `_loss`"
    return (
        f"`--trainer.policies.N.name` must be one that the model asks for, once each, got `{name}`. "
        f"It asks for {known}. `{LEARNING_RATE}` sets the learning rate.{did_you_mean(name, list(asked))}"
    )


def _as_callback(item: Any) -> Callback:
    if isinstance(item, Policy):
        return callback_of(item)
    if isinstance(item, Callback):
        return item
    raise UsageError(
        f"A callback must be a `keras.callbacks.Callback` or a `tfaip.trainer.policies.Policy`, got {item!r}."
    )


def _create(word: str) -> Any:
    module_name, _, name = word.partition(":")
    if not module_name or not name:
        raise UsageError(f"`{_FLAG}` expects `module:Class`, got `{word}`.")
    module = import_user_module(module_name)
    cls = getattr(module, name, None)
    if cls is None:
        classes = [key for key, value in vars(module).items() if isinstance(value, type)]
        raise UsageError(
            f"`{_FLAG} {word}`: the module `{module_name}` has no `{name}`.{did_you_mean(name, classes)}"
        )
    if not (isinstance(cls, type) and issubclass(cls, (Callback, Policy))):
        raise UsageError(
            f"`{_FLAG} {word}` must name a subclass of `keras.callbacks.Callback` or "
            "`tfaip.trainer.policies.Policy`."
        )
    try:
        return cls()
    except TypeError as error:
        raise UsageError(
            f"`{_FLAG} {word}` must be a class that is created without arguments: {error}. Derive one that "
            "gives them, or pass the object to `Trainer.train` in Python."
        ) from error
