import os
import threading

import pytest

from tfaip.errors import DataError
from tfaip.workers.ordered_map import parallel_map


def square(number):
    return number * number


def process_id(_):
    return os.getpid()


def fail_at_three(number):
    if number == 3:
        raise KeyError("three")
    return number


def end_process(_):
    os._exit(7)


@pytest.mark.parametrize("kwargs", [{}, {"processes": 2}, {"processes": 2, "use_thread_pool": True}])
def test_results_come_in_order(kwargs):
    assert parallel_map(square, range(20), **kwargs) == [n * n for n in range(20)]


def test_one_process_is_this_one():
    assert parallel_map(process_id, [1, 2]) == [os.getpid()] * 2


def test_processes_are_others():
    assert os.getpid() not in parallel_map(process_id, [1, 2], processes=2)


def test_threads_are_in_this_process():
    names = parallel_map(lambda _: threading.current_thread().name, [1, 2], processes=2, use_thread_pool=True)

    assert threading.main_thread().name not in names


def test_no_arguments_give_no_results():
    assert parallel_map(square, [], processes=4) == []


@pytest.mark.parametrize("processes", [1, 2])
def test_an_error_is_raised_as_itself(processes):
    with pytest.raises(KeyError, match="three"):
        parallel_map(fail_at_three, range(5), processes=processes)


def test_a_process_that_ends_is_reported():
    with pytest.raises(DataError, match=r"worker \d \(pid \d+\) of Working ended with exit code 7; item"):
        parallel_map(end_process, range(4), processes=2, desc="Working")
