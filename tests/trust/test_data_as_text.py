"""Names in data are shown, not obeyed: by a terminal, by a log, by a reader of JSON."""

import io
import json
import logging
import re

import numpy as np
import pytest

from tfaip.data.pipeline.definitions import Sample, describe_sample
from tfaip.data.pipeline.unbatching import unbatch
from tfaip.errors import DataError
from tfaip.lav.result import LAVResult
from tfaip.logs import formatter
from tfaip.params.json_codec import TFAIPJsonEncoder
from tfaip.printable import printable, without_controls
from tfaip.reporting.shown_data import ShownKey
from tfaip.scripts.arguments import run_command

BELL, CLEAR, CSI = "\a", "\x1b[2J\x1b]0;title\a", "\x9b31m"
EVIL = f"a{BELL}{CLEAR}{CSI}\r\u202e\nINFO     forged"
CONTROLS = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")


def test_a_part_of_a_message_is_one_short_line():
    assert printable(EVIL) == r"a\x07\x1b[2J\x1b]0;title\x07\x9b31m\r\u202e\nINFO     forged"
    assert printable("Wörter, 文字 🙂") == "Wörter, 文字 🙂"
    assert len(printable("x" * 10_000)) == 203


def test_lines_stay_lines():
    assert without_controls("a\n\tb\x1b[2J") == "a\n\tb\\x1b[2J"


def test_the_name_of_a_sample_stays_on_its_line():
    said = describe_sample(Sample(meta={"id": EVIL}), 3)

    assert "\n" not in said
    assert not CONTROLS.search(said)


def test_a_log_has_no_control_characters():
    stream = io.StringIO()
    handler = logging.StreamHandler(stream)
    handler.setFormatter(formatter)
    logger = logging.getLogger("tests.trust")
    logger.addHandler(handler)
    logger.error("a sample: %s", EVIL, exc_info=ValueError(EVIL))
    logger.removeHandler(handler)

    assert "forged" in stream.getvalue()
    assert not CONTROLS.search(stream.getvalue())


def test_an_error_has_no_control_characters(capsys):
    def fail():
        raise DataError(f"The {describe_sample(Sample(meta={'id': EVIL}))} is bad: {CLEAR}.")

    with pytest.raises(SystemExit):
        run_command(fail)

    said = capsys.readouterr().err
    assert not CONTROLS.search(said)
    assert len(said.splitlines()) == 1


def test_what_is_printed_of_data_has_no_control_characters():
    key = ShownKey("inputs", "text")
    key.add(np.array([EVIL, EVIL.encode()], object))

    assert not CONTROLS.search(key.describe())
    assert "\n" not in key.describe()


def test_results_are_json():
    text = LAVResult({"name": EVIL}, 1).to_json()

    assert json.loads(text)["name"] == EVIL
    assert not CONTROLS.search(text)


@pytest.mark.parametrize("marker", ["__json_dc_type__", "__cls__"])
def test_a_class_in_the_meta_data_of_a_sample_is_plain_data(canary, marker):
    meta = {
        "id": 1,
        marker: f"{canary.name}:CanaryParams",
        "song": {"__cls__": f"{canary.name}:CanaryParams"},
    }

    (sample,) = unbatch(meta={"meta": np.array([[json.dumps(meta, cls=TFAIPJsonEncoder)]], object)})

    assert sample.meta == meta
    assert not canary.sings
