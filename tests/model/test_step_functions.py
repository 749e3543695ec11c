import time

from tfaip.model.step_functions import CallSize


def test_a_fixed_size_is_kept_but_never_exceeds_what_is_left():
    size = CallSize(8)

    assert [size.next(20), size.next(5)] == [8, 5]


def test_the_automatic_size_grows_while_calls_are_short():
    size = CallSize()
    sizes = []
    for _ in range(4):
        sizes.append(size.next(10**6))
        size.done(sizes[-1])

    assert sizes == [1, 4, 16, 64]


def test_the_automatic_size_stays_one_when_steps_are_long():
    size = CallSize()

    steps = size.next(100)
    time.sleep(0.12)
    size.done(steps)

    assert size.next(100) == 1
