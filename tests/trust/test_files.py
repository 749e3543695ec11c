"""Archives, bombs and planted links: files that were made to do harm."""

import os
import subprocess
import sys
import warnings
import zipfile
from pathlib import Path

import pytest

from tests.trainer.test_warmstart_files import small_net, warm_start
from tfaip.data.pipeline.definitions import Sample
from tfaip.errors import TfaipError, UntrustedError, UsageError
from tfaip.predict.dumps import DumpWriter, EvalDataset
from tfaip.scenario.json_files import read_json_object

ROOT = Path(__file__).parents[2]
GIBIBYTE = 2**30


@pytest.fixture(scope="module")
def keras_file(tmp_path_factory):
    path = tmp_path_factory.mktemp("keras") / "net.keras"
    small_net(1).save(path)
    return path


def link(name, target):
    info = zipfile.ZipInfo(name)
    info.external_attr = 0o120777 << 16
    return info, target


@pytest.mark.parametrize(
    "member",
    [
        ("../outside", "x"),
        ("/tmp/tfaip-outside", "x"),
        ("a/../../outside", "x"),
        ("..\\outside", "x"),
        link("link", "/etc/passwd"),
        link("assets/link", "../../outside"),
        ("CON", "x"),
    ],
    ids=str,
)
def test_nothing_of_an_archive_is_written(keras_file, tmp_path, member, monkeypatch):
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "inner" / "net.keras"
    path.parent.mkdir()
    path.write_bytes(keras_file.read_bytes())
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr(*member)

    warm_start(small_net(2), model=str(path))

    assert [str(file.relative_to(tmp_path)) for file in tmp_path.rglob("*") if not file.is_dir()] == [
        "inner/net.keras"
    ]
    assert not Path("/tmp/tfaip-outside").exists()


@pytest.mark.parametrize("name", ["config.json", "Config.JSON", "model.weights.h5", "MODEL.weights.h5"])
def test_a_member_that_is_there_twice_is_refused(keras_file, tmp_path, name):
    path = tmp_path / "net.keras"
    path.write_bytes(keras_file.read_bytes())
    with zipfile.ZipFile(path, "a") as archive, warnings.catch_warnings(action="ignore"):
        archive.writestr(name, "{}")

    with pytest.raises(UntrustedError, match="more than once"):
        warm_start(small_net(2), model=str(path))


@pytest.mark.parametrize("name", ["config.json", "model.weights.h5"])
def test_a_member_that_is_a_link_is_not_followed(keras_file, tmp_path, name):
    path = tmp_path / "net.keras"
    with zipfile.ZipFile(keras_file) as old, zipfile.ZipFile(path, "w") as new:
        for other in {"config.json", "model.weights.h5"} - {name}:
            new.writestr(other, old.read(other))
        (tmp_path / name).write_bytes(old.read(name))
        new.writestr(*link(name, str(tmp_path / name)))

    with pytest.raises(TfaipError, match=r"net\.keras` cannot be read"):
        warm_start(small_net(2), model=str(path))


def test_a_planted_link_is_not_followed(tmp_path):
    (tmp_path / "victim").write_text("precious")
    (tmp_path / "out.unfinished").symlink_to(tmp_path / "victim")

    with DumpWriter(tmp_path / "out") as writer:
        writer.add(Sample(outputs={"a": 1}))

    assert (tmp_path / "victim").read_text() == "precious"
    assert len(EvalDataset(tmp_path / "out")) == 1


# ---- params files

BROKEN = {
    "empty": (b"", r"line 1, column 1"),
    "truncated": (b'{"a": {"b": 1', r"line 1, column 14"),
    "binary": (b"\x00\x01\xff\xfe", r"no JSON"),
    "not utf-8": (b'{"a": "\xff"}', r"byte 7 is no UTF-8"),
    "utf-16": ('{"a": 1}'.encode("utf-16"), r"byte 0 is no UTF-8"),
    "NaN": (b'{\n "a": "NaN",\n "b": NaN}', r"holds NaN, which JSON does not know \(line 3, column 7\)"),
    "infinity": (b'{"b": [1, -Infinity]}', r"holds -Infinity.*\(line 1, column 11\)"),
    "duplicates": (
        b'{"a": 1,\n "b": {"c": 1,\n "c": 2}}',
        r"has the key `c` twice in one object \(line 2, column 7\)",
    ),
    "list": (b"[1]", r"must hold a JSON object, got a list"),
    "number": (b"1", r"must hold a JSON object, got a int"),
    "deep lists": (b"[" * 100_000, r"nested too deeply"),
    "deep objects": (b'{"a":' * 100_000, r"nested too deeply"),
    "deep and whole": (b'{"a":' * 100_000 + b"1" + b"}" * 100_000, r"nested too deeply"),
    "two": (b"{}{}", r"line 1, column 3"),
    "control": (b'{"a": "\x1b[2J"}', r"line 1, column 8"),
}


@pytest.mark.parametrize("kind", BROKEN)
def test_a_broken_file_of_params_is_told_with_its_place(tmp_path, kind):
    content, telling = BROKEN[kind]
    (tmp_path / "p.json").write_bytes(content)

    with pytest.raises(UsageError, match=telling) as caught:
        read_json_object(tmp_path / "p.json")

    assert f"`{tmp_path}/p.json`" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_byte_order_mark_is_read_over(tmp_path):
    (tmp_path / "p.json").write_bytes(b"\xef\xbb\xbf" + b'{"a": 1}')

    assert read_json_object(tmp_path / "p.json") == {"a": 1}


def test_floats_that_json_lacks_are_read_as_they_were_written(tmp_path):
    (tmp_path / "p.json").write_text('{"a": {"__float__": "inf"}}')

    assert read_json_object(tmp_path / "p.json") == {"a": float("inf")}


@pytest.mark.parametrize("kind", ["folder", "pipe", "missing"])
def test_what_is_no_file_is_told(tmp_path, kind):
    path = tmp_path / "p.json"
    {"folder": path.mkdir, "pipe": lambda: os.mkfifo(path), "missing": lambda: None}[kind]()

    with pytest.raises(UsageError, match=r"is no file|no parameter file"):
        read_json_object(path)


@pytest.mark.parametrize("kind", ["a gigabyte", "many lists", "many objects"])
def test_a_huge_file_needs_less_than_two_gigabytes(tmp_path, kind):
    path = tmp_path / "trainer_params.json"
    unit = {"a gigabyte": b"", "many lists": b"[],", "many objects": b"{},"}[kind]
    with path.open("wb") as file:
        if not unit:
            file.truncate(GIBIBYTE)
        else:
            file.write(b'{"a": [' + unit * ((32 * 2**20 - 20) // 3) + b"1]}")
    program = (
        f"import resource; resource.setrlimit(resource.RLIMIT_AS, ({2 * GIBIBYTE}, {2 * GIBIBYTE}));"
        "from tfaip.scripts import resume_training; resume_training.run()"
    )

    done = subprocess.run(
        [sys.executable, "-c", program, str(path)],
        env={**os.environ, "PYTHONPATH": str(ROOT), "OPENBLAS_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
    )

    assert done.returncode == 2, done.stderr
    assert len(done.stderr.splitlines()) == 1
