import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from paiargparse import pai_dataclass

from tfaip.errors import UntrustedError
from tfaip.params.enums import StrEnum
from tfaip.params.json_codec import TFAIPJsonDecoder, TFAIPJsonEncoder


@pai_dataclass
@dataclass
class PointParams:
    x: int = 1


class Color(StrEnum):
    RED = "red"


def there_and_back(value):
    return json.loads(json.dumps(value, cls=TFAIPJsonEncoder), cls=TFAIPJsonDecoder)


@pytest.mark.parametrize(
    ("value", "back"),
    [
        ({"id": 1}, {"id": 1}),
        ((1, 2), [1, 2]),
        (np.float32(0.5), 0.5),
        (np.int64(3), 3),
        (np.bool_(True), True),
        (np.array([[1, 2]]), [[1, 2]]),
        ({2, 1}, [1, 2]),
        (Color.RED, "red"),
        (Path("a/b"), "a/b"),
    ],
)
def test_values_come_back(value, back):
    assert there_and_back(value) == back


def test_params_come_back_as_params():
    assert there_and_back({"at": [PointParams(x=3)]}) == {"at": [PointParams(x=3)]}


def test_params_are_written_with_their_class():
    written = json.loads(json.dumps(PointParams(), cls=TFAIPJsonEncoder))

    assert written["__json_dc_type__"] == f"{__name__}:PointParams"


@pytest.mark.parametrize("name", ["os:system", "pathlib:Path", "antigravity:X", "nonsense", 3])
def test_json_makes_no_other_class_and_imports_no_module(name):
    with pytest.raises(UntrustedError, match=f"names the class `{name}`"):
        json.loads(json.dumps({"__json_dc_type__": name}), cls=TFAIPJsonDecoder)


def test_what_json_cannot_hold_is_named():
    with pytest.raises(TypeError, match="object cannot be written as JSON"):
        json.dumps(object(), cls=TFAIPJsonEncoder)
