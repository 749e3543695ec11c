"""JSON for the meta data of samples: NumPy values and params go in, params come back out."""

import json
import sys
from collections.abc import Mapping, Set
from dataclasses import is_dataclass
from enum import Enum
from pathlib import PurePath
from typing import Any

import numpy as np

from tfaip.errors import UntrustedError, UsageError
from tfaip.params.stored_params import params_from_stored

_CLASS_KEY = "__json_dc_type__"


class TFAIPJsonEncoder(json.JSONEncoder):
    """Writes what `json` writes, and NumPy numbers and arrays, sets, enums, paths and params.

    Arrays and sets become lists, as tuples do; only params are recognised when they are read again.
    """

    def default(self, obj: Any) -> Any:  # pyright: ignore[reportIncompatibleMethodOverride]
        """Return what `json` can write in place of `obj`."""
        if is_dataclass(obj) and not isinstance(obj, type):
            return _params_dict(obj)
        if isinstance(obj, np.generic):
            return obj.item()
        if isinstance(obj, np.ndarray):
            return obj.tolist()
        if isinstance(obj, Set):
            return sorted(obj, key=str)
        if isinstance(obj, Enum):
            return obj.value
        if isinstance(obj, PurePath):
            return str(obj)
        if isinstance(obj, Mapping):
            return dict(obj)
        raise TypeError(
            f"{type(obj).__name__} cannot be written as JSON. Keep numbers, text, lists, dicts, arrays and "
            "params in the meta data of a sample."
        )


class TFAIPJsonDecoder(json.JSONDecoder):
    """Reads what `TFAIPJsonEncoder` wrote.

    Params are made only of classes whose module is loaded already, for text never imports code. What names
    another class, or does not fit its class, is plain data.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, object_hook=self.object_hook_fn, **kwargs)

    def object_hook_fn(self, obj: dict[str, Any]) -> Any:
        """Return the params that `obj` describes, or `obj` itself."""
        cls = _loaded_params_class(obj.get(_CLASS_KEY))
        if cls is None:
            return obj
        try:
            content = {key: value for key, value in obj.items() if key != _CLASS_KEY}
            return params_from_stored(cls, content, may_import=False)
        except (UsageError, UntrustedError):
            return obj


def _params_dict(params: Any) -> dict[str, Any]:
    to_dict = getattr(params, "to_dict", None)
    values = vars(params) if to_dict is None else to_dict()
    return {**values, _CLASS_KEY: f"{type(params).__module__}:{type(params).__qualname__}"}


def _loaded_params_class(name: Any) -> type | None:
    module, _, qualname = name.partition(":") if isinstance(name, str) else ("", "", "")
    cls = vars(sys.modules[module]).get(qualname) if module in sys.modules else None
    return cls if isinstance(cls, type) and hasattr(cls, "__pai_dataclass__") else None
