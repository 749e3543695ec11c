"""Event files of TensorBoard that a resumed training goes on with."""

import logging
from pathlib import Path
from typing import Any

import tensorflow as tf

from tfaip.files import replace_file

EVENT_FILES = "*/events.out.tfevents*"
STEP_TAG = "step_"  # begins the tags that count steps; all others count epochs

logger = logging.getLogger(__name__)


def forget_later_events(log_dir: Path, *, epochs_done: int, steps_done: int) -> None:
    """Remove the points that a killed training has drawn after its last checkpoint.

    They come once more, and would be there twice. A record that is cut off is removed as well.
    """
    for file in sorted(Path(log_dir).glob(EVENT_FILES)):
        records, is_cut_off = _records(file)
        kept = [record for record in records if _is_kept(record, epochs_done, steps_done)]
        if is_cut_off or len(kept) < len(records):
            new = file.with_name(f".{file.name}.new")
            with tf.io.TFRecordWriter(str(new)) as writer:
                for record in kept:
                    writer.write(record)
            replace_file(new, file)
            logger.info("Removed %d points after the checkpoint from %s", len(records) - len(kept), file)


def _records(file: Path) -> tuple[list[bytes], bool]:
    """Return the records of a file, and whether the last is cut off."""
    records: list[Any] = []
    try:
        for record in tf.data.TFRecordDataset(str(file)).as_numpy_iterator():
            records.append(record)
    except tf.errors.DataLossError:
        return records, True
    return records, False


def _is_kept(record: bytes, epochs_done: int, steps_done: int) -> bool:
    event = tf.compat.v1.Event.FromString(record)
    if not event.HasField("summary"):
        return True
    by_step = any(value.tag.startswith(STEP_TAG) for value in event.summary.value)
    return event.step <= steps_done if by_step else event.step < epochs_done
