import random

import numpy as np

from tfaip.data.pipeline.seeding import GeneratorRandomness, PassSeeds, derive_seed, random_generator


def draw():
    return random.random(), np.random.random()


def test_seeds_differ_as_soon_as_one_number_does():
    seeds = {derive_seed(*n) for n in [(0,), (0, 0), (0, 1), (1, 0), (0, 0, 0), (-1,), (2**64,)]}

    assert len(seeds) == 6  # numbers count modulo 2 ** 64


def test_seeds_are_those_of_splitmix64():
    # The first number of its reference implementation from seed 0.
    assert derive_seed(0) == 0xE220A8397B1DCDAF


def test_a_stage_draws_the_same_for_the_same_sample():
    stage = PassSeeds(1, 0).stage(0)
    drawn = []
    for index in (3, 4, 3):
        stage.seed(index)
        drawn.append(draw())

    assert drawn[0] == drawn[2] != drawn[1]


def test_passes_stages_and_seeds_draw_differently():
    drawn = []
    for seeds, stage in [
        (PassSeeds(1, 0), 0),
        (PassSeeds(1, 1), 0),
        (PassSeeds(1, 0), 1),
        (PassSeeds(2, 0), 0),
    ]:
        seeds.stage(stage).seed(0)
        drawn.append(draw())

    assert len(set(drawn)) == 4


def test_a_generator_goes_on_where_it_was_whatever_happens_in_between():
    def drawn(disturb):
        randomness = GeneratorRandomness(7)
        found = []
        for _ in range(3):
            with randomness:
                found.append(draw())
            disturb()
        return found

    assert drawn(lambda: None) == drawn(lambda: (random.seed(1), np.random.seed(1), draw()))


def test_numpy_is_as_it_was_after_the_context():
    np.random.seed(1)
    expected = np.random.random(2)

    np.random.seed(1)
    first = np.random.random()
    with GeneratorRandomness(7):
        np.random.random()

    assert [first, np.random.random()] == expected.tolist()


def test_the_generator_that_is_handed_out_belongs_to_the_sample():
    seeds = PassSeeds(1, 0).stage(0)

    def drawn(index):
        seeds.seed(index)
        return random_generator().random(), random_generator().random()

    first, second = drawn(0), drawn(1)

    assert drawn(0) == first != second
    assert first[0] != first[1]
