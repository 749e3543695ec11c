import logging
import subprocess
import sys

import pytest

from tfaip.errors import StorageError, UsageError
from tfaip.logs import ParseLogFile, WriteToLogFile, level_from_environment, setup_logging


@pytest.fixture(autouse=True)
def root_logger(monkeypatch):
    """The root logger without handlers; what a test adds is removed again."""
    monkeypatch.delenv("TFAIP_LOG_LEVEL", raising=False)
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    root.handlers[:] = []
    yield root
    root.handlers[:] = handlers
    root.setLevel(level)


def test_importing_changes_no_logger_and_no_hook():
    code = (
        "import logging, sys; hook = sys.excepthook; import tfaip.logs; "
        "assert logging.getLogger().handlers == [] and logging.getLogger().level == logging.WARNING; "
        "assert sys.excepthook is hook"
    )

    subprocess.run([sys.executable, "-c", code], check=True)


def test_level_is_info_by_default():
    assert level_from_environment() == logging.INFO


@pytest.mark.parametrize("name", ["debug", "DEBUG", "Debug"])
def test_level_is_read_in_any_case(monkeypatch, name):
    monkeypatch.setenv("TFAIP_LOG_LEVEL", name)

    assert level_from_environment() == logging.DEBUG


def test_unknown_level_is_refused_with_the_known_ones(monkeypatch):
    monkeypatch.setenv("TFAIP_LOG_LEVEL", "LOUD")

    with pytest.raises(UsageError, match="DEBUG, INFO, WARNING, ERROR, CRITICAL, got 'LOUD'"):
        setup_logging()


def test_setup_writes_formatted_lines_to_stderr_once(capsys):
    setup_logging()
    setup_logging()

    logging.getLogger("a.module").info("Hello %s", "you")

    err = capsys.readouterr().err
    assert err.count("Hello you") == 1
    assert err.startswith("INFO    ")
    assert err.rstrip().endswith("a.module: Hello you")


def test_log_file_holds_the_messages_of_the_block(tmp_path):
    setup_logging()

    with WriteToLogFile(tmp_path / "new" / "dir", append=False):
        logging.getLogger("x").info("inside")
    logging.getLogger("x").info("outside")

    text = (tmp_path / "new" / "dir" / "train.log").read_text()
    assert "inside" in text
    assert "outside" not in text


def test_log_file_sets_up_logging_in_a_program_that_did_not(tmp_path):
    code = (
        "import logging, sys\n"
        "from tfaip.logs import WriteToLogFile\n"
        "with WriteToLogFile(sys.argv[1], append=False, log_name='my.log'):\n"
        "    logging.getLogger('x').info('inside')\n"
    )

    program = [sys.executable, "-c", code, str(tmp_path)]
    ended = subprocess.run(program, check=True, capture_output=True, text=True)

    assert "inside" in (tmp_path / "my.log").read_text()
    assert "inside" in ended.stderr


def test_log_file_gets_infos_even_if_the_console_shows_less(tmp_path, root_logger):
    root_logger.addHandler(logging.NullHandler())
    root_logger.setLevel(logging.ERROR)

    with WriteToLogFile(tmp_path, append=False):
        logging.getLogger("x").info("inside")

    assert "inside" in (tmp_path / "train.log").read_text()
    assert root_logger.level == logging.ERROR


def test_log_file_is_replaced_or_continued_after_a_dated_line(tmp_path):
    def write(message, append):
        with WriteToLogFile(tmp_path, append=append):
            logging.getLogger("x").warning(message)
        return (tmp_path / "train.log").read_text()

    assert "Continued" not in write("first", True)
    continued = write("second", True)
    replaced = write("third", False)

    assert continued.index("first") < continued.index("Continued on 20") < continued.index("second")
    assert "first" not in replaced


def test_exception_is_in_the_log_file_but_not_on_the_console(tmp_path, capsys):
    def fail():
        with WriteToLogFile(tmp_path, append=False):
            raise ValueError("broken")

    with pytest.raises(ValueError, match="broken"):
        fail()

    text = (tmp_path / "train.log").read_text()
    assert "Ended by ValueError: broken" in text
    assert "Traceback" in text
    assert "in fail" in text
    assert "broken" not in capsys.readouterr().err


def test_log_file_leaves_no_handler_behind(tmp_path, root_logger):
    setup_logging()
    before = root_logger.handlers[:]

    with WriteToLogFile(tmp_path, append=False):
        pass

    assert root_logger.handlers == before


def test_log_file_that_cannot_be_written_is_named(tmp_path):
    (tmp_path / "file").write_text("")

    with pytest.raises(StorageError, match=r"file/train.log` cannot be written"):
        WriteToLogFile(tmp_path / "file", append=False).__enter__()


def test_results_of_the_last_epoch_are_parsed(tmp_path):
    log = logging.getLogger("x")
    with WriteToLogFile(tmp_path, append=False):
        log.info("Results of epoch    1 acc: 0.1000 - loss/mean_epoch: 2.0000")
        log.info("Results of epoch    2 acc: 0.9000 - loss/mean_epoch: 0.1000 - val_x: nan - y: -1.0e-05")
        log.info("Something else: 3")

    metrics = ParseLogFile(tmp_path).get_metrics()

    assert metrics == {"acc": "0.9000", "loss/mean_epoch": "0.1000", "val_x": "nan", "y": "-1.0e-05"}


def test_missing_log_file_has_no_metrics(tmp_path):
    assert ParseLogFile(tmp_path).get_metrics() == {}
