from collections import Counter
from itertools import islice

import numpy as np
import pytest

from tfaip.data.pipeline.definitions import PipelineMode
from tfaip.errors import UsageError
from tfaip.scenario.listfile.datagenerator import ListsFileDataGenerator
from tfaip.scenario.listfile.params import ListsFileGeneratorParams

TRAINING, EVALUATION = PipelineMode.TRAINING, PipelineMode.EVALUATION


@pytest.fixture
def lists(tmp_path):
    """A function that writes a list for each text of words and returns their paths."""

    def write(*texts):
        paths = [tmp_path / f"{number}.lst" for number in range(len(texts))]
        for path, text in zip(paths, texts, strict=True):
            path.write_text("\n".join(text.split()))
        return [str(path) for path in paths]

    return write


def generator(mode, lists, **kwargs):
    return ListsFileGeneratorParams(lists=lists, **kwargs).create(mode)


def inputs(samples, number=None):
    return [sample.inputs for sample in islice(samples, number)]


@pytest.mark.parametrize("mode", [EVALUATION, PipelineMode.PREDICTION, PipelineMode.TARGETS])
def test_outside_of_training_all_lists_are_given_once_in_order(lists, mode):
    source = generator(mode, lists("a b", "", "c"))

    assert isinstance(source, ListsFileDataGenerator)
    assert len(source) == 3
    assert inputs(source.generate()) == inputs(source.generate()) == ["a", "b", "c"]


def test_a_sample_is_its_line(lists):
    (sample,) = generator(EVALUATION, lists("a")).generate()

    assert (sample.inputs, sample.targets, sample.meta) == ("a", "a", {"id": "a"})


def test_training_is_endless_and_gives_every_entry_once_before_it_gives_one_twice(lists):
    source = generator(TRAINING, lists("a b c d e f g h"))

    drawn = inputs(source.generate(), 24)

    rounds = [drawn[:8], drawn[8:16], drawn[16:]]
    assert all(sorted(r) == list("abcdefgh") for r in rounds)
    assert rounds[0] != rounds[1] or rounds[1] != rounds[2]
    assert len(source) == 8


def test_lists_are_drawn_from_by_their_ratios(lists):
    source = generator(TRAINING, lists("a b c d", "x", "y"), list_ratios=[1, 3, 0])

    counts = Counter(inputs(source.generate(), 4000))

    assert counts["x"] == pytest.approx(3000, rel=0.05)
    assert counts["y"] == 0
    assert [counts[c] for c in "abcd"] == pytest.approx([counts["a"]] * 4, abs=1)


def test_lists_are_drawn_from_equally_by_default(lists):
    counts = Counter(inputs(generator(TRAINING, lists("a", "b c d e f g")).generate(), 2000))

    assert counts["a"] == pytest.approx(1000, rel=0.1)


def test_numpys_seed_decides_the_order(lists):
    source = generator(TRAINING, lists("a b c d e f g h", "i j k l"))

    def drawn(seed):
        np.random.seed(seed)
        return inputs(source.generate(), 30)

    assert drawn(1) == drawn(1)
    assert drawn(1) != drawn(2)


def test_an_empty_training_list_is_an_error_unless_it_is_never_drawn_from(lists):
    paths = lists("a", "")

    with pytest.raises(UsageError, match=r"training list `.*1\.lst` holds no entry"):
        generator(TRAINING, paths).generate()
    with pytest.raises(UsageError, match=r"no training lists.*--train\.lists"):
        generator(TRAINING, []).generate()
    assert inputs(generator(TRAINING, paths, list_ratios=[1, 0]).generate(), 2) == ["a", "a"]
    assert inputs(generator(EVALUATION, paths).generate()) == ["a"]


@pytest.mark.parametrize(
    ("ratios", "problem"),
    [
        ([1.0], r"one number for each of the 2 `lists`, got \[1\.0\]"),
        ([1.0, -1.0], "at least 0, got -1"),
        ([1.0, float("nan")], "got nan"),
        ([0.0, 0.0], "all 0"),
    ],
)
def test_wrong_ratios_are_refused(ratios, problem):
    with pytest.raises(UsageError, match=problem):
        ListsFileGeneratorParams(lists=["a", "b"], list_ratios=ratios)
    with pytest.raises(ValueError, match="list_ratios"):
        ListsFileGeneratorParams(lists=["a", "b"], list_ratios=ratios)
