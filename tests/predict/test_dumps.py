import json
import os
import pickle
import signal
import sqlite3
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from tests.toy.params import ToyGeneratorParams
from tfaip.data.pipeline.definitions import Sample
from tfaip.errors import DataError, StorageError, UntrustedError
from tfaip.predict.dumps import DumpWriter, EvalDataset

REPOSITORY = Path(__file__).resolve().parents[2]


def sample(i):
    return Sample(
        inputs={"image": np.full((2, 3), i % 256, "uint8"), "text": b"\x00\xff"},
        targets={"gt": np.array([i], "int32")},
        outputs={"pred": np.linspace(0, i, 4, dtype="float32"), "class": np.int64(i)},
        meta={"id": i},
    )


def write(path, samples, losses=None):
    with DumpWriter(path) as dump:
        for i, item in enumerate(samples):
            dump.add(item, losses(i) if losses else None)
    return EvalDataset(path)


def test_a_sample_comes_back_as_it_went_in(tmp_path):
    dump = write(tmp_path / "d", [sample(i) for i in range(5)])

    back = dump.sample(3)
    assert len(dump) == 5
    np.testing.assert_array_equal(back.inputs["image"], np.full((2, 3), 3))
    assert back.inputs["image"].dtype == np.uint8
    assert back.inputs["text"] == b"\x00\xff"
    assert back.outputs["class"] == 3
    assert back.outputs["class"].dtype == np.int64
    np.testing.assert_array_equal(back.outputs["pred"], np.linspace(0, 3, 4, dtype="float32"))
    assert back.meta == {"id": 3}


@pytest.mark.parametrize(
    "value",
    [
        np.zeros((0, 3), "float64"),
        np.array(2.5, ">f8"),
        np.array(["a", "longer"]),
        np.array([[b"a\x00"], [b""]], object),
        np.array(["ä", "日本"], object),
        np.array(["2020-01-01"], "M8[D]"),
        np.arange(24).reshape(2, 3, 4)[:, ::2].transpose(2, 0, 1),
        np.array([True, False]),
        np.array([np.nan, np.inf]),
    ],
    ids=lambda value: str(value.dtype),
)
def test_arrays_of_all_kinds_come_back(tmp_path, value):
    back = write(tmp_path / "d", [Sample(outputs={"a": np.int8(1), "x": value})]).sample(0)

    np.testing.assert_array_equal(back.outputs["x"], value)
    assert back.outputs["x"].dtype == value.dtype
    assert back.outputs["x"].shape == value.shape


def test_a_short_float_of_machine_learning_becomes_float32(tmp_path):
    ml_dtypes = pytest.importorskip("ml_dtypes")
    value = np.array([0.5, 3.0], ml_dtypes.bfloat16)

    back = write(tmp_path / "d", [Sample(outputs={"x": value})])[0]["x"]

    np.testing.assert_array_equal(back, np.array([0.5, 3.0], "float32"))


def test_nested_outputs_and_what_json_can_say_come_back(tmp_path):
    outputs = ([{"a": np.ones(2)}, None], "voted", {"score": 0.5, "votes": [1, 2], "array": {"dict": 1}})

    back = write(tmp_path / "d", [Sample(outputs=outputs)]).sample(0)

    assert isinstance(back.outputs, tuple)
    np.testing.assert_array_equal(back.outputs[0][0]["a"], np.ones(2))
    assert back.outputs[0][1] is None
    assert back.outputs[1:] == outputs[1:]
    assert back.inputs is None


def test_params_in_meta_data_come_back_where_their_module_is_loaded(tmp_path):
    dump = write(tmp_path / "d", [Sample(outputs={}, meta={"from": ToyGeneratorParams(number=3)})])

    assert dump.sample(0).meta["from"] == ToyGeneratorParams(number=3)
    code = (
        f"from tfaip.predict.dumps import EvalDataset; print(EvalDataset({str(tmp_path / 'd')!r})[0]['meta'])"
    )
    shown = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert "'number': 3" in shown
    assert "tests.toy.params:ToyGeneratorParams" in shown


def test_an_item_has_short_names_and_full_ones(tmp_path):
    both = Sample(inputs={"x": np.zeros(1)}, targets={"x": np.ones(1)}, outputs={"x": np.full(1, 2.0)})

    item = write(tmp_path / "d", [both])[0]

    assert [item[name][0] for name in ("x", "inputs/x", "targets/x", "outputs/x")] == [2, 0, 1, 2]
    assert item["meta"] is None


def test_a_dump_is_a_sequence(tmp_path):
    dump = write(tmp_path / "d", [sample(i) for i in range(4)])

    assert dump[-1]["class"] == dump[np.int64(3)]["class"] == 3
    assert [item["class"] for item in dump] == [0, 1, 2, 3]
    assert [s.meta["id"] for s in dump.samples()] == [0, 1, 2, 3]
    with pytest.raises(IndexError, match="no sample 4"):
        dump[4]


def test_arrays_may_be_changed_without_changing_the_dump(tmp_path):
    dump = write(tmp_path / "d", [sample(1)])

    dump[0]["image"][:] = 9

    assert dump[0]["image"].max() == 1


def test_labels_hold_the_losses_of_each_sample(tmp_path):
    dump = write(tmp_path / "d", [sample(i) for i in range(3)], lambda i: {"loss": i / 2} if i else None)

    np.testing.assert_array_equal(dump.labels["loss"], [np.nan, 0.5, 1.0])
    assert write(tmp_path / "e", [sample(0)]).labels == {}


def test_a_loss_that_is_not_a_number_comes_back(tmp_path):
    dump = write(tmp_path / "d", [sample(0)], lambda _: {"loss": np.float32("nan")})

    np.testing.assert_array_equal(dump.labels["loss"], [np.nan])


def test_a_result_can_be_stored(tmp_path):
    with DumpWriter(tmp_path / "d") as dump:
        dump.write_info("result", {"acc": np.float32(0.5)})

    assert EvalDataset(tmp_path / "d").result == {"acc": 0.5}
    assert len(EvalDataset(tmp_path / "d")) == 0


def test_a_dump_appears_when_it_is_complete(tmp_path):
    write(tmp_path / "d", [sample(0)])

    with DumpWriter(tmp_path / "d") as dump:
        dump.add(sample(1))
        assert EvalDataset(tmp_path / "d")[0]["class"] == 0

    assert EvalDataset(tmp_path / "d")[0]["class"] == 1
    assert os.listdir(tmp_path) == ["d"]


def test_an_error_leaves_the_old_dump_and_nothing_else(tmp_path):
    write(tmp_path / "d", [sample(0)])

    with pytest.raises(ZeroDivisionError):
        write(tmp_path / "d", (sample(1 // i) for i in (1, 0)))

    assert EvalDataset(tmp_path / "d")[0]["class"] == 0
    assert os.listdir(tmp_path) == ["d"]


ENDLESS = """
import sys
import numpy as np
from tfaip.data.pipeline.definitions import Sample
from tfaip.predict.dumps import DumpWriter
with DumpWriter(sys.argv[1]) as dump:
    while True:
        dump.add(Sample(outputs={"x": np.zeros(1000)}))
        if len(dump) == 3000:
            print("half", flush=True)
"""


def test_a_kill_leaves_the_old_dump_whole_and_the_new_one_clearly_unfinished(tmp_path):
    write(tmp_path / "d", [sample(7)])
    writing = subprocess.Popen(
        [sys.executable, "-c", ENDLESS, tmp_path / "d"], stdout=subprocess.PIPE, cwd=REPOSITORY
    )
    assert writing.stdout is not None
    writing.stdout.readline()

    with pytest.raises(StorageError, match="another process is writing it"), DumpWriter(tmp_path / "d"):
        pass
    writing.send_signal(signal.SIGKILL)
    writing.wait()
    writing.stdout.close()

    assert EvalDataset(tmp_path / "d")[0]["class"] == 7
    with pytest.raises(StorageError, match="not completed"):
        EvalDataset(tmp_path / "d.unfinished")
    assert write(tmp_path / "d", [sample(8)])[0]["class"] == 8
    assert os.listdir(tmp_path) == ["d"]


def test_a_leftover_that_is_no_data_base_is_replaced(tmp_path):
    (tmp_path / "d.unfinished").write_bytes(b"rubbish" * 1000)

    assert len(write(tmp_path / "d", [sample(0)])) == 1


def test_a_folder_is_not_replaced(tmp_path):
    with pytest.raises(StorageError, match="would replace a folder"), DumpWriter(tmp_path):
        pass


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_a_folder_that_can_not_be_written_is_reported(tmp_path):
    tmp_path.chmod(0o500)

    with pytest.raises(StorageError, match="can not be written"), DumpWriter(tmp_path / "d"):
        pass


def test_a_parent_that_is_a_file_is_reported(tmp_path):
    (tmp_path / "file").write_text("")

    with pytest.raises(StorageError, match="can not be written"), DumpWriter(tmp_path / "file" / "d"):
        pass


@pytest.mark.parametrize(
    ("outputs", "telling"),
    [
        ({"x": object()}, r"`outputs/x` of a sample.*object.*extract_dump_data"),
        ({"x": [np.array([object()])]}, r"`outputs/x/0` is an array of Python objects \(object\)"),
        ({1: 2}, r"`outputs` has the key 1"),
        ({"x": np.zeros(1, [("a", "f4")])}, r"`outputs/x` is an array of type"),
    ],
)
def test_what_is_neither_array_nor_json_is_refused_by_name(tmp_path, outputs, telling):
    with pytest.raises(DataError, match=telling):
        write(tmp_path / "d", [Sample(outputs=outputs)])

    assert os.listdir(tmp_path) == []


class Canary:
    touched = False

    def __reduce__(self):
        return setattr, (Canary, "touched", True)


def test_a_pickle_is_refused_and_not_touched(tmp_path):
    (tmp_path / "d").write_bytes(pickle.dumps(Canary()))

    with pytest.raises(UntrustedError, match="--allow_pickle True"):
        EvalDataset(tmp_path / "d")

    assert not Canary.touched


def test_an_array_of_pickled_objects_inside_a_dump_is_refused(tmp_path):
    write(tmp_path / "d", [sample(0)])
    layout = json.dumps({part: {"array": ["|O", [1], 0]} for part in ("inputs", "targets", "outputs")})
    with sqlite3.connect(tmp_path / "d") as db:
        db.execute("UPDATE sample SET layout = ?, data = ?", (layout, pickle.dumps(Canary())))
    db.close()

    with pytest.raises(UntrustedError, match="array of Python objects"):
        EvalDataset(tmp_path / "d").sample(0)

    assert not Canary.touched


def test_a_data_base_with_other_contents_is_no_dump(tmp_path):
    write(tmp_path / "d", [sample(0)])
    with sqlite3.connect(tmp_path / "d") as db:
        db.execute("CREATE VIEW more AS SELECT 1")
    db.close()

    with pytest.raises(StorageError, match="no dump of tfaip"):
        EvalDataset(tmp_path / "d")


def test_other_files_are_no_dumps(tmp_path):
    (tmp_path / "text").write_text("hello")

    with pytest.raises(StorageError, match="is no dump"):
        EvalDataset(tmp_path / "text")
    with pytest.raises(StorageError, match="There is no dump"):
        EvalDataset(tmp_path / "missing")


def test_a_damaged_file_is_reported(tmp_path):
    write(tmp_path / "d", [sample(i) for i in range(2000)])
    content = bytearray((tmp_path / "d").read_bytes())
    content[8192 : len(content) - 8192] = bytes(len(content) - 16384)
    (tmp_path / "d").write_bytes(content)

    with pytest.raises(StorageError, match="damaged"):
        list(EvalDataset(tmp_path / "d").samples())


def test_a_dump_is_read_without_tensorflow(tmp_path):
    write(tmp_path / "d", [sample(i) for i in range(4)], lambda i: {"loss": i})
    code = (
        "import sys\nfrom tfaip.predict.dumps import EvalDataset\n"
        f"dump = EvalDataset({str(tmp_path / 'd')!r})\n"
        "print(dump[3]['image'].shape, dump.labels['loss'][3], 'tensorflow' in sys.modules)"
    )

    shown = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout

    assert shown == "(2, 3) 3.0 False\n"


def test_a_hundred_thousand_small_samples_are_written_in_seconds(tmp_path):
    items = [sample(i) for i in range(100)]
    started = time.monotonic()

    with DumpWriter(tmp_path / "d") as dump:
        for i in range(20_000):
            dump.add(items[i % 100])

    assert time.monotonic() - started < 20  # 1 s on a free machine
    assert len(EvalDataset(tmp_path / "d")) == 20_000
