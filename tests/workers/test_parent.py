"""Workers end with the program that started them, however it ends."""

import os
import signal
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import pytest

from tests.workers.jobs import wait_for_end_of

ROOT = Path(__file__).parents[2]
PROGRAM = str(Path(__file__).with_name("parent_program.py"))


def start(*args, **kwargs):
    return subprocess.Popen(
        [sys.executable, *args],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": f"{ROOT}{os.pathsep}{os.environ.get('PYTHONPATH', '')}"},
        **kwargs,
    )


def pids_from(parent):
    assert parent.stdout is not None
    return [int(text) for text in parent.stdout.readline().split()]


@pytest.mark.parametrize(
    ("kind", "how", "sent", "exit_code"),
    [
        ("mapping", "wait", signal.SIGINT, -signal.SIGINT),
        ("mapping", "reading", signal.SIGTERM, -signal.SIGTERM),
        ("mapping", "wait", signal.SIGKILL, -signal.SIGKILL),
        ("generating", "reading", signal.SIGINT, -signal.SIGINT),
        ("generating", "wait", signal.SIGTERM, -signal.SIGTERM),
        ("generating", "reading", signal.SIGKILL, -signal.SIGKILL),
        ("mapping", "exception", None, 1),
        ("generating", "_exit", None, 9),
        ("mapping", "exit in a thread", None, 9),
    ],
)
def test_no_worker_is_left(kind, how, sent, exit_code):
    with start(PROGRAM, kind, how) as parent:
        workers = pids_from(parent)
        assert workers
        if sent is not None:
            time.sleep(0.1)
            parent.send_signal(sent)
        assert parent.wait(20) == exit_code
        assert wait_for_end_of(workers)


def test_ctrl_c_in_a_terminal_ends_the_workers_once(tmp_path):
    """All processes of the terminal get the signal; the workers write no tracebacks of their own."""
    with start(PROGRAM, "mapping", "reading", start_new_session=True) as parent:
        workers = pids_from(parent)
        os.killpg(parent.pid, signal.SIGINT)
        _, errors = parent.communicate(timeout=20)

        assert wait_for_end_of(workers)
        assert errors.count("Traceback") == 1


SCRIPT = """
    from dataclasses import dataclass
    from paiargparse import pai_dataclass
    from tests.data.toy import numbers, pipeline, values
    from tfaip.data.pipeline.processor.dataprocessor import DataProcessorParams, MappingDataProcessor

    @pai_dataclass
    @dataclass
    class DoubleParams(DataProcessorParams):
        @staticmethod
        def cls():
            return Double

    class Double(MappingDataProcessor[DoubleParams]):
        def apply(self, sample):
            return sample.new_inputs({"x": 2 * sample.inputs["x"]})

    def main():
        with pipeline(numbers(3), DoubleParams(), run_parallel=True).generate_input_batches() as batches:
            print(values(batches))
"""


def run_script(tmp_path, ending, *, as_file=True):
    text = textwrap.dedent(SCRIPT) + ending
    path = tmp_path / "script.py"
    path.write_text(text)
    with start(*([str(path)] if as_file else ["-c", text])) as process:
        out, errors = process.communicate(timeout=60)
    return out, errors, process.returncode


def test_a_processor_of_the_script_itself_runs_in_workers(tmp_path):
    out, errors, code = run_script(tmp_path, "if __name__ == '__main__':\n    main()\n")

    assert (out, errors, code) == ("[[0.0, 2.0, 4.0]]\n", "", 0)


def test_a_script_without_a_guard_is_told_the_line_that_is_missing(tmp_path):
    out, errors, code = run_script(tmp_path, "main()\n")

    assert (out, code) == ("", 1)
    assert 'must do its work below `if __name__ == "__main__":`' in errors.splitlines()[-1]
    assert "UsageError" in errors.splitlines()[-1]


def test_a_processor_of_a_prompt_cannot_run_in_workers(tmp_path):
    out, errors, code = run_script(tmp_path, "main()\n", as_file=False)

    assert (out, code) == ("", 1)
    assert "defined in a notebook, at a prompt or in `python -c`" in errors.splitlines()[-1]
    assert "`DoubleParams`" in errors.splitlines()[-1]
