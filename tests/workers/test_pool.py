import gc
import logging
import os
import random
import re
import resource
import signal
import sys
import threading
import time

import numpy as np
import pytest

from tests.workers import jobs
from tests.workers.jobs import Footprint, one, pids, pool_of
from tfaip.errors import DataError, UsageError
from tfaip.workers import pool as pool_module
from tfaip.workers.ordered_map import ordered_results
from tfaip.workers.pool import Order, PoolClosedError, PoolSettings, WorkerPool

re_worker = re.compile(r"worker \d \(pid \d+\)")


@pytest.fixture(autouse=True)
def nothing_is_left_behind():
    footprint = Footprint()
    yield
    assert not footprint.left_behind()


@pytest.fixture
def eager_renewal(monkeypatch):
    """Renew workers as often as asked, however long that takes."""
    monkeypatch.setattr(pool_module, "_RENEWAL_SHARE", float("inf"))


def results_of(pool, orders):
    return [result for _, result in ordered_results(pool, orders)]


# What it does


def test_results_come_in_order_whatever_each_takes():
    with pool_of(jobs.square_late, 3) as pool:
        assert results_of(pool, map(Order, range(60))) == [n * n for n in range(60)]


def test_no_process_is_started_without_a_task():
    with pool_of(jobs.square):
        assert not jobs.children()


def test_workers_are_renewed_without_losing_a_task(eager_renewal):
    with pool_of(jobs.own_pid, 2, max_items=10) as pool:
        found = results_of(pool, (Order(n) for n in range(4000)))

    assert len(found) == 4000
    assert len(set(found)) > 2


def test_a_worker_that_starts_slowly_is_not_renewed_too_often():
    with pool_of(jobs.own_pid, 1, max_items=1) as pool:
        assert len(set(results_of(pool, map(Order, range(200))))) == 1


def test_a_worker_that_grew_can_be_stopped_between_tasks(monkeypatch):
    with pool_of(jobs.own_pid, 1) as pool:
        first = one(pool, 0)
        pool.stop_if_grown()
        same = one(pool, 0)
        monkeypatch.setattr(pool_module, "_LEAK_BYTES", -(1 << 40))
        pool.stop_if_grown()
        other = one(pool, 0)

    assert first == same != other


def test_a_result_larger_than_its_block_gets_another():
    with pool_of(jobs.make_array) as pool:
        for size in (10, 1 << 16, 1 << 22, 10):
            np.testing.assert_array_equal(one(pool, size), np.full(size, size % 251))


def test_a_result_in_place_lives_as_long_as_it_is_used():
    size = 1 << 20
    with pool_of(jobs.make_array) as pool:
        kept = [pool.result(pool.submit(Order(size + n)), in_place=True) for n in range(10)]

        assert [int(array[0]) for array in kept] == [(size + n) % 251 for n in range(10)]
        blocks = {array.__array_interface__["data"][0] for array in kept}
        assert len(blocks) == 10

    assert [int(array[-1]) for array in kept] == [(size + n) % 251 for n in range(10)]


def test_places_of_results_are_used_again():
    with pool_of(jobs.make_array, 1) as pool:
        for _ in range(100):
            pool.result(pool.submit(Order(1 << 20)), in_place=True)

        assert pool._processes is not None
        assert pool._processes.memory.num_bytes < 20 << 20


def test_a_task_is_fed_as_often_as_it_asks():
    numbers = iter(range(100))
    with pool_of(jobs.sum_of_input, 1) as pool:
        assert one(pool, 4, feed=lambda: next(numbers)) == 0 + 1 + 2 + 3
        assert one(pool, 2, feed=lambda: next(numbers)) == 4 + 5


@pytest.mark.parametrize("seconds", [2, pytest.param(120, marks=pytest.mark.nightly)])
def test_tasks_of_all_kinds_under_load(eager_renewal, monkeypatch, seconds):
    """Everything at once: renewal, input, large results, errors, discarded tasks, stops."""
    monkeypatch.setattr(pool_module, "_DUMP_SECONDS", 20.0)
    rng = random.Random(seconds)
    end = time.monotonic() + seconds
    kept = []
    with pool_of(jobs.mixed, 3, max_items=20, timeout_seconds=40) as pool:
        while time.monotonic() < end:
            pool.stop_if_grown()
            tasks = []
            for number in range(rng.choice([1, 3, 9])):
                num_inputs = rng.choice([0, 0, 1, 3])
                size = rng.choice([1, 50_000])
                order = Order((number, num_inputs), feed=lambda size=size: np.ones(size, np.uint8))
                tasks.append((pool.submit(order), number, num_inputs * size))
            for task, number, total in tasks:
                if rng.random() < 0.1:
                    pool.discard(task)
                    continue
                try:
                    found, array = pool.result(task, in_place=rng.random() < 0.5)
                except DataError as error:
                    assert f"seed {number}" in str(error)  # noqa: PT017 - not every task fails
                    continue
                assert found == total
                assert (array == number % 251).all()
                kept = [*kept[-5:], array]
            if rng.random() < 0.02:
                with pytest.raises(KeyboardInterrupt):
                    one(pool, (1, 1), feed=interrupt)


def interrupt():
    raise KeyboardInterrupt


# What goes wrong in a task


def test_an_error_has_class_text_worker_and_traceback(caplog):
    with pool_of(jobs.fail) as pool:
        with pytest.raises(DataError, match=r"ZeroDivisionError: at 5") as raised:
            one(pool, 5)
        assert re_worker.search(str(raised.value))

    assert "jobs.py" in caplog.text
    assert "in fail" in str(raised.value.__cause__)


def test_other_tasks_go_on_after_an_error():
    with pool_of(jobs.mixed, 1) as pool:
        results = []
        for number in range(60):
            try:
                results.append(one(pool, (number, 0)))
            except DataError:
                results.append(None)

    assert results.count(None) in range(1, 30)


def test_what_cannot_be_sent_is_named():
    with pool_of(jobs.square) as pool:
        with pytest.raises(DataError, match=r"`sample\['x'\]` cannot be sent.*a lock"):
            pool.submit(Order({"x": threading.Lock()}))
        assert one(pool, 3) == 9


def test_input_that_cannot_be_sent_is_named():
    with (
        pool_of(jobs.sum_of_input, 1) as pool,
        pytest.raises(DataError, match=r"`sample` cannot be sent.*function"),
    ):
        one(pool, 1, feed=lambda: lambda: 1)


@pytest.mark.parametrize(
    ("value", "message"),
    [
        (lambda: 1, r"`Calling.opening` cannot be sent to worker processes: it is <function <lambda>"),
        (threading.Lock(), r"`Calling.opening` cannot be sent.*a lock"),
        (sys.stdout, r"`Calling.opening` cannot be sent.*a "),
    ],
)
def test_a_job_that_cannot_be_sent_is_named_before_any_process_starts(value, message):
    with pytest.raises(UsageError, match=message), pool_of(jobs.square, opening=value):
        pass
    assert not jobs.children()


def test_an_error_while_starting_is_told_once_and_nobody_tries_again(tmp_path):
    path = tmp_path / "started"
    with pool_of(jobs.square, 3, opening=jobs.Noting(str(path))) as pool:
        tasks = [pool.submit(Order(n)) for n in range(3)]
        for _ in range(2):
            with pytest.raises(DataError, match="FileNotFoundError: the weights are missing"):
                pool.result(tasks[0])

    assert 1 <= len(path.read_text().split()) <= 3


# Workers that end


@pytest.mark.parametrize(
    ("how", "message"),
    [
        ("exit", "ended with exit code 7"),
        ("_exit", "ended with exit code 7"),
        ("null", r"killed by signal 11 \(SIGSEGV\)"),
        ("stack overflow", r"killed by signal 11 \(SIGSEGV\)"),
        ("kill", "killed by signal 9, often out of memory"),
    ],
)
def test_a_worker_that_ends_is_an_error_at_once(how, message):
    started = time.monotonic()
    with pool_of(jobs.end) as pool, pytest.raises(DataError, match=message) as raised:
        one(pool, how)

    assert re_worker.search(str(raised.value))
    assert "item 3" in str(raised.value)
    assert time.monotonic() - started < 10


def test_the_end_of_a_worker_is_seen_though_its_child_lives():
    with pool_of(jobs.end_with_a_child) as pool, pytest.raises(DataError, match="exit code 7"):
        one(pool, 0)


REPEATS = [2, pytest.param(20, marks=pytest.mark.nightly)]


@pytest.mark.parametrize("repeats", REPEATS)
@pytest.mark.parametrize(("function", "value"), [(jobs.sleep_at_three, 3), (jobs.write_slowly, 1 << 20)])
def test_a_worker_that_is_killed_at_work_is_an_error(function, value, repeats):
    for _ in range(repeats):
        with pool_of(function, 1) as pool:
            task = pool.submit(Order(value))
            (pid,) = pids(pool)
            killer = threading.Thread(target=kill_at_item_three, args=(pool, pid))
            killer.start()
            with pytest.raises(
                DataError, match=rf"worker 0 \(pid {pid}\) of `Testing` killed by signal 9.*item 3"
            ):
                pool.result(task)
            killer.join()


@pytest.mark.parametrize("repeats", REPEATS)
def test_a_worker_that_is_killed_while_it_has_nothing_to_do_is_an_error(repeats):
    for _ in range(repeats):
        with pool_of(jobs.square, 1) as pool:
            one(pool, 2)
            (pid,) = pids(pool)
            os.kill(pid, signal.SIGKILL)
            wait_until(lambda pid=pid: not jobs.is_alive(pid))
            with pytest.raises(DataError, match=rf"worker 0 \(pid {pid}\) of `Testing` killed by signal 9"):
                one(pool, 2)


def kill_at_item_three(pool, pid):
    (worker,) = pool._processes.workers
    wait_until(lambda: worker.current() == 3)
    os.kill(pid, signal.SIGKILL)


def wait_until(condition, seconds=20):
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.01)


def test_a_hanging_worker_is_dumped_and_given_up(monkeypatch, caplog):
    monkeypatch.setattr(pool_module, "_DUMP_SECONDS", 0.5)
    started = time.monotonic()
    with pool_of(jobs.sleep_at_three, 1, timeout_seconds=3) as pool:
        assert one(pool, 1) == 1
        with pytest.raises(DataError, match=r"made no progress for \d s; item 3.*worker_timeout"):
            one(pool, 3)

    (warning,) = [r for r in caplog.records if r.levelno == logging.WARNING]
    assert "in sleep_at_three" in warning.getMessage()
    assert time.monotonic() - started < 15


def test_time_in_which_input_is_made_is_not_the_workers(monkeypatch, caplog):
    monkeypatch.setattr(pool_module, "_DUMP_SECONDS", 1.0)

    def feed():
        time.sleep(1.5)
        return 1

    with pool_of(jobs.sum_of_input, 1, timeout_seconds=1.2) as pool:
        one(pool, 0)
        assert one(pool, 2, feed=feed) == 2
    assert not caplog.records


# Leaving


def test_closing_wakes_whoever_waits():
    with pool_of(jobs.sleep_at_three, 1) as pool:
        timer = threading.Timer(1, pool.close)
        timer.start()
        with pytest.raises(PoolClosedError):
            one(pool, 3)
        timer.join()


def test_a_closed_pool_refuses_tasks():
    with pool_of(jobs.square) as pool:
        pass
    with pytest.raises(PoolClosedError):
        pool.submit(Order(1))


def test_leaving_does_not_wait_for_a_task():
    started = time.monotonic()
    with pool_of(jobs.sleep_at_three, 2) as pool:
        pool.submit(Order(3))
        one(pool, 1)
        workers = pids(pool)
    assert time.monotonic() - started < 8
    assert not any(map(jobs.is_alive, workers))


def test_a_pool_that_is_forgotten_ends_its_workers():
    pool = WorkerPool(jobs.Calling(jobs.square), PoolSettings("`Testing`", 1))
    one(pool, 1)
    workers = pids(pool)

    del pool
    gc.collect()

    assert not any(map(jobs.is_alive, workers))


def test_a_pool_can_be_used_again_after_ctrl_c():
    with pool_of(jobs.sum_of_input, 1) as pool:
        with pytest.raises(KeyboardInterrupt):
            one(pool, 1, feed=interrupt)
        assert one(pool, 2, feed=lambda: 4) == 8


def test_results_of_the_workers_before_ctrl_c_do_not_disturb_those_after():
    with pool_of(jobs.mixed, 2) as pool:
        old = [pool.result(pool.submit(Order((2, 0))), in_place=True) for _ in range(4)]
        with pytest.raises(KeyboardInterrupt):
            one(pool, (2, 1), feed=interrupt)
        del old
        new = [pool.result(pool.submit(Order((n, 0))), in_place=True)[1] for n in (2, 3, 4)]

        assert all((array == n).all() for array, n in zip(new, (2, 3, 4), strict=True))


def test_leaving_early_forgets_what_is_under_way():
    with pool_of(jobs.square_late, 3) as pool:
        for _, result in ordered_results(pool, map(Order, range(1000))):
            if result == 4:
                break
        assert results_of(pool, map(Order, range(5))) == [0, 1, 4, 9, 16]


# Memory


@pytest.mark.parametrize("in_memory", [True, False])
def test_a_lack_of_memory_says_how_much_is_needed_and_what_helps(in_memory):
    place = "shared memory is full" if in_memory else "the temporary directory .* is full"
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    with pool_of(jobs.make_array, 1, in_memory=in_memory) as pool:
        one(pool, 10)
        resource.setrlimit(resource.RLIMIT_FSIZE, (8 << 20, limits[1]))
        try:
            with pytest.raises(DataError, match=rf"{place}: 20\.0 MiB are needed.*`batch_size`"):
                one(pool, 16 << 20)
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, limits)


ARRAYS = [
    np.zeros((0, 3), np.float32),
    np.array(5.0),
    np.arange(24).reshape(4, 6)[::2, ::3],
    np.arange(5, dtype=">i4"),
    np.array([True, False]),
    np.array(["a", "bcd"]),
    np.array(["a", None], object),
    np.array([(1, 2.0)], dtype=[("a", "i4"), ("b", "f8")]),
    np.asfortranarray(np.arange(6).reshape(2, 3)),
    np.arange(100_000, dtype=np.complex64),
]


@pytest.mark.parametrize("in_memory", [True, False])
def test_arrays_come_back_as_they_were(in_memory):
    with pool_of(give_back, 1, in_memory=in_memory) as pool:
        for in_place in (False, True):
            found = pool.result(pool.submit(Order(ARRAYS)), in_place=in_place)
            for array, given in zip(found, ARRAYS, strict=True):
                np.testing.assert_array_equal(array, given)
                assert (array.dtype, array.shape) == (given.dtype, given.shape)


def give_back(value, _):
    return value


def test_a_worker_that_loads_tensorflow_is_mentioned_once(tmp_path, monkeypatch, caplog):
    (tmp_path / "tensorflow.py").write_text("")
    monkeypatch.syspath_prepend(tmp_path)
    with pool_of(jobs.import_tensorflow, 2) as pool:
        results_of(pool, map(Order, range(8)))

    (warning,) = caplog.records
    assert "load TensorFlow, because `tests.workers.jobs` imports it" in warning.getMessage()
