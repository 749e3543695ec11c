import subprocess
import sys
import threading
import time

import pytest

from tfaip.predict.read_ahead import ReadAhead


def threads():
    return [t for t in threading.enumerate() if t.name == "tfaip-read-ahead"]


def slowly(number, log=None):
    for i in range(number):
        if log is not None:
            log.append(i)
        yield i


def test_items_come_in_order_and_the_thread_ends():
    with ReadAhead(range(1000), max_items=3) as ahead:
        assert list(ahead) == list(range(1000))

    assert threads() == []


def test_nothing_is_read_before_the_first_item_is_asked_for():
    log = []

    with ReadAhead(slowly(5, log), max_items=3):
        time.sleep(0.05)

    assert log == []


def test_no_more_than_the_limit_waits():
    log = []

    with ReadAhead(slowly(100, log), max_items=3) as ahead:
        next(iter(ahead))
        time.sleep(0.1)

        assert len(log) <= 5  # one given, three waiting, one in hand


def test_no_more_than_the_size_waits_but_one_always_does():
    log = []

    with ReadAhead(slowly(100, log), max_items=50, max_size=10, size_of=lambda _: 20) as ahead:
        next(iter(ahead))
        time.sleep(0.1)

        assert len(log) == 3


def test_groups_hold_what_is_there():
    go_on = threading.Event()

    def items():
        yield 1
        go_on.wait(5)
        yield from range(2, 10)

    with ReadAhead(items(), max_items=20) as ahead:
        groups = ahead.groups(4)
        first = next(groups)
        go_on.set()
        time.sleep(0.1)

        assert [first, *groups] == [[1], [2, 3, 4, 5], [6, 7, 8, 9]]


def test_an_error_comes_after_the_items_before_it():
    def items():
        yield 1
        yield 2
        raise ValueError("broken")

    seen = []
    with pytest.raises(ValueError, match="broken"), ReadAhead(items(), max_items=1) as ahead:
        seen.extend(ahead)

    assert seen == [1, 2]
    assert threads() == []


def test_the_generator_is_closed_where_it_ran_when_the_reader_stops_early():
    closed_in = []

    def items():
        try:
            yield from range(100)
        finally:
            closed_in.append(threading.current_thread().name)

    with ReadAhead(items(), max_items=2) as ahead:
        next(iter(ahead))

    assert closed_in == ["tfaip-read-ahead"]
    assert threads() == []


def test_a_reader_that_was_forgotten_stops():
    ahead = ReadAhead(iter(int, 1), max_items=2)
    iterator = iter(ahead)
    next(iterator)

    del ahead, iterator
    for _ in range(100):
        if not threads():
            break
        time.sleep(0.02)

    assert threads() == []


def test_cancel_wakes_who_waits():
    release = threading.Event()

    def items():
        release.wait(5)
        yield 1

    with ReadAhead(items(), max_items=2) as ahead:
        timer = threading.Timer(0.05, ahead.cancel)
        timer.start()

        assert list(ahead) == []

        release.set()
    timer.join()


def test_a_program_ends_while_a_reader_is_open():
    program = (
        "from tfaip.predict.read_ahead import ReadAhead\n"
        "items = iter(ReadAhead(iter(int, 1), max_items=2))\n"
        "print(next(items))\n"
    )

    ended = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, timeout=20, check=False
    )

    assert (ended.returncode, ended.stdout, ended.stderr) == (0, "0\n", "")
