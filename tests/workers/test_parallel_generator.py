import os
from itertools import islice

import pytest

from tests.workers.jobs import Footprint
from tfaip.errors import DataError
from tfaip.util.multiprocessing.data.parallel_generator import ParallelGenerator
from tfaip.util.multiprocessing.data.worker import DataWorker


@pytest.fixture(autouse=True)
def nothing_is_left_behind():
    footprint = Footprint()
    yield
    assert not footprint.left_behind()


class Square(DataWorker):
    def initialize_thread(self):
        self.pid = os.getpid()

    def process(self, *args, **kwargs):
        (number,) = args
        if number == 50:
            raise ZeroDivisionError("fifty")
        return number**2, self.pid


class Twice(DataWorker):
    def initialize_thread(self):
        pass

    def process(self, *args, **kwargs):
        yield from args * 2


class Numbers(ParallelGenerator):
    def __init__(self, worker, count, **kwargs):
        super().__init__(2, **kwargs)
        self.worker, self.count = worker, count

    def create_worker_func(self):
        return self.worker

    def generate_input(self):
        return range(self.count)


@pytest.mark.parametrize("run_parallel", [True, False])
def test_results_come_in_order_from_other_processes(run_parallel):
    generator = Numbers(Square, 30, run_parallel=run_parallel)
    with generator as results:
        assert generator.is_running()
        squares, pids = zip(*results, strict=True)

    assert not generator.is_running()
    assert list(squares) == [n * n for n in range(30)]
    assert (os.getpid() in pids) is not run_parallel


def test_a_worker_may_give_several_results():
    with Numbers(Twice, 3) as results:
        assert list(results) == [0, 0, 1, 1, 2, 2]


def test_input_is_repeated_up_to_the_limit_or_for_ever():
    with Numbers(Twice, 1, limit=5, auto_repeat_input=True, run_parallel=False) as results:
        assert list(results) == [0] * 5
    with Numbers(Twice, 1, limit=5, auto_repeat_input=True) as results:
        assert list(results) == [0] * 5
    with Numbers(Twice, 1, auto_repeat_input=True) as results:
        assert list(islice(results, 9)) == [0] * 9


def test_an_error_is_raised_where_results_are_read():
    with pytest.raises(DataError, match="ZeroDivisionError: fifty"), Numbers(Square, 60) as results:
        list(results)
