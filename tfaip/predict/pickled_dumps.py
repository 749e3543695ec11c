"""Dumps of version 1.2, which are pickles: reading one runs whatever code it holds."""

import logging
import os
import pickle
import tarfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from tfaip.data.pipeline.definitions import Sample
from tfaip.errors import StorageError
from tfaip.predict.dumps import EvalDataset, by_name, is_pickle

logger = logging.getLogger(__name__)

_MEMBER = ".pred"


class PickledDump:
    """The samples of a dump of version 1.2 as a sequence, as `EvalDataset` gives those of today's.

    `tfaip-predict` wrote an archive with a pickle a sample, `tfaip-lav` one pickle of targets and outputs.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        """Read a dump whose writer is trusted: whatever code it holds is run.

        Raises:
            StorageError: If it is none.
        """
        self.path = Path(path).expanduser()
        self.labels: dict[str, np.ndarray] = {}
        self.result: dict[str, Any] = {}
        logger.warning("`%s` is a pickle: whatever code it holds is run now.", self.path)
        try:
            self._samples = self._unpickled()
        except Exception as error:
            raise StorageError(
                f"The dump `{self.path}` can not be read as one of version 1.2: "
                f"{type(error).__name__}: {error}."
            ) from error

    def __len__(self) -> int:
        """Return the number of samples."""
        return len(self._samples)

    def __getitem__(self, index: int) -> dict[str, Any]:
        """Return what the sample at `index` holds, by name."""
        return by_name(self._samples[index])

    def __iter__(self) -> Iterator[dict[str, Any]]:
        """Yield what each sample holds, by name."""
        return map(by_name, self._samples)

    def sample(self, index: int) -> Sample:
        """Return the sample at `index`."""
        return self._samples[index]

    def samples(self) -> Iterator[Sample]:
        """Yield all samples in their order."""
        return iter(self._samples)

    def _unpickled(self) -> list[Sample]:
        if tarfile.is_tarfile(self.path):
            with tarfile.open(self.path) as archive:
                members = [m for m in archive.getmembers() if m.name.endswith(_MEMBER)]
                members.sort(key=lambda m: int(Path(m.name).name.removesuffix(_MEMBER)))
                return [pickle.load(archive.extractfile(m)) for m in members]  # type: ignore[arg-type]
        with self.path.open("rb") as file:
            content = pickle.load(file)
        self.result = dict(content["result"])
        pairs = content["target_prediction_pairs"]
        return [Sample(targets=targets, outputs=outputs, meta={}) for targets, outputs in pairs]


def open_dump(path: str | os.PathLike[str], *, allow_pickle: bool = False) -> EvalDataset | PickledDump:
    """Return the samples of a dump.

    Args:
        path: The file.
        allow_pickle: Also read a dump of version 1.2, and run whatever code it holds.

    Raises:
        StorageError: If there is none, or it is damaged or was not completed.
        UntrustedError: If it is a pickle and that was not allowed; then nothing of it was read.
    """
    file = Path(path).expanduser()
    if allow_pickle and file.is_file() and is_pickle(file):
        return PickledDump(file)
    return EvalDataset(file)
