"""Write the evaluated samples to a file, to look at them later."""

import os
from pathlib import Path
from typing import Any, Optional

from tfaip.data.pipeline.definitions import Sample
from tfaip.lav.callbacks.lav_callback import LAVCallback
from tfaip.predict.dumps import DumpWriter


class DumpResultsCallback(LAVCallback):
    """Write samples, and the result, to the dump `filepath`, one entry for each sample in their order.

    What of a sample is written can be chosen in `extract_dump_data` of LAV. Further data sets of one run go
    to `filepath.1`, `filepath.2` and so on.

    Args:
        filepath: The file; what was there before is replaced when the dump is complete.
        with_losses: Also write the losses of each sample.
    """

    def __init__(self, filepath: str | os.PathLike[str], with_losses: bool = False) -> None:
        super().__init__()
        self.filepath = Path(filepath)
        self.wants_losses = with_losses
        self._written = 0
        self._writer: Optional[DumpWriter] = None
        self._losses: Optional[dict[str, float]] = None

    def on_lav_start(self) -> None:
        """Start a file."""
        number = f".{self._written}" if self._written else ""
        self._writer = DumpWriter(self.filepath.with_name(f"{self.filepath.name}{number}"))
        self._writer.__enter__()

    def on_sample_losses(self, losses: dict[str, float]) -> None:
        """Keep the losses for the sample that follows."""
        self._losses = losses

    def on_sample_end(self, sample: Sample) -> None:
        """Write the sample."""
        targets, outputs = self.lav.extract_dump_data(sample)
        self._open_writer.add(sample.new_targets(targets).new_outputs(outputs), self._losses)

    def on_lav_end(self, result: dict[str, Any]) -> None:
        """Write the result, and put the file in its place."""
        writer, self._writer = self._open_writer, None
        writer.write_info("result", result)
        writer.__exit__(None, None, None)
        self._written += 1

    def close(self) -> None:
        """Give up a file that is not complete."""
        writer, self._writer = self._writer, None
        if writer is not None:
            writer.discard()

    @property
    def _open_writer(self) -> DumpWriter:
        if self._writer is None:
            raise ValueError("`DumpResultsCallback` writes between `on_lav_start` and `on_lav_end`.")
        return self._writer
