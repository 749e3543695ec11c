import json
import sys
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pytest
from paiargparse import pai_dataclass

from tfaip.params.enums import StrEnum
from tfaip.params.json_codec import TFAIPJsonDecoder, TFAIPJsonEncoder


@pai_dataclass
@dataclass
class PointParams:
    x: int = 1


@pai_dataclass
@dataclass
class OuterParams:
    point: PointParams = field(default_factory=PointParams)


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
def test_what_names_another_class_is_plain_data(name):
    data = {"__json_dc_type__": name, "x": 1}

    assert json.loads(json.dumps(data), cls=TFAIPJsonDecoder) == data
    assert "antigravity" not in sys.modules


@pytest.mark.parametrize("name", ["meta_canary:X", "tests.params.meta_canary:X", "tfaip.no.such:X"])
def test_params_in_params_import_nothing(tmp_path, monkeypatch, name):
    (tmp_path / "meta_canary.py").write_text("raise AssertionError")
    monkeypatch.syspath_prepend(tmp_path)
    inner = {"__cls__": name}
    data = {"__json_dc_type__": f"{__name__}:OuterParams", "point": inner}

    assert json.loads(json.dumps(data), cls=TFAIPJsonDecoder) == data


@pytest.mark.parametrize("fields", [{"x": "text"}, {"x": None}, {"X": 1}])
def test_what_does_not_fit_its_class_is_plain_data(fields):
    data = {"__json_dc_type__": f"{__name__}:PointParams", **fields}

    assert json.loads(json.dumps(data), cls=TFAIPJsonDecoder) == data


def test_what_json_cannot_hold_is_named():
    with pytest.raises(TypeError, match="object cannot be written as JSON"):
        json.dumps(object(), cls=TFAIPJsonEncoder)
