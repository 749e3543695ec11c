"""Dumps: samples with what a model made of them, in one file that holds arrays and JSON and no code.

The file is an SQLite data base (https://sqlite.org/fileformat2.html) with these tables:

    sample  number (from 0), layout (JSON), meta (JSON), data (the arrays): see `dump_format`
    loss    name, sample, value: the losses of the samples, if they were asked for
    info    key, value (JSON): `version` of this format, `tfaip`, `samples` (their number, written last),
            `result` (the metrics of all samples, if there are any)
"""

import contextlib
import json
import operator
import os
import sqlite3
from collections import defaultdict
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Self, SupportsIndex

import numpy as np

from tfaip.data.pipeline.definitions import Sample
from tfaip.errors import StorageError, UntrustedError
from tfaip.files import replace_file
from tfaip.params.json_codec import TFAIPJsonEncoder
from tfaip.predict.dump_format import PARTS, decode, encode
from tfaip.version import __version__

_VERSION = 1
_MAGIC = b"SQLite format 3\0"
_APPLICATION_ID = 0x74664450  # "tfDP", in the header of the file
_TABLES = {"sample", "loss", "info"}
_SCHEMA = """
CREATE TABLE sample (number INTEGER PRIMARY KEY, layout TEXT, meta TEXT, data BLOB);
CREATE TABLE loss (name TEXT, sample INTEGER, value REAL, PRIMARY KEY (name, sample)) WITHOUT ROWID;
CREATE TABLE info (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
"""
_SAMPLES_PER_COMMIT = 1000
_BYTES_PER_COMMIT = 32 << 20  # what a commit keeps in memory


class DumpWriter:
    """Writes a dump: `with DumpWriter("out.dump") as dump: dump.add(sample)`.

    It is written beside, to `out.dump.unfinished`, and takes the name `out.dump` when the block ends. If the
    block fails, a dump that was there before is as it was. Samples are written as they come, so memory does
    not grow with their number.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.path = Path(path).expanduser()
        self._unfinished = self.path.with_name(f"{self.path.name}.unfinished")
        self._db: sqlite3.Connection | None = None
        self._number = 0
        self._uncommitted_samples = 0
        self._uncommitted_bytes = 0

    def __len__(self) -> int:
        """Return the number of samples that were added."""
        return self._number

    def __enter__(self) -> Self:
        """Start the file.

        Raises:
            StorageError: If it can not be written, or another process is writing it.
        """
        if self.path.is_dir():
            raise StorageError(f"The dump `{self.path}` would replace a folder. Give the name of a file.")
        with self._reported():
            self.path.parent.mkdir(parents=True, exist_ok=True)
            self._remove_leftover()
            self._db = _connection(self._unfinished)
            # The file is flushed once, when it is complete; until then it is of no use after a power failure.
            self._db.execute("PRAGMA synchronous = OFF")
            self._db.execute(f"PRAGMA application_id = {_APPLICATION_ID}")
            self._db.execute("BEGIN EXCLUSIVE")
            for statement in _SCHEMA.split(";"):
                self._db.execute(statement)
        self.write_info("version", _VERSION)
        self.write_info("tfaip", __version__)
        return self

    def add(self, sample: Sample, losses: Mapping[str, float] | None = None) -> None:
        """Add a sample behind those that are there, with its losses by name.

        Raises:
            DataError: If it holds what is neither array nor JSON.
            StorageError: If it can not be written.
        """
        layout, meta, data = encode(sample)
        with self._reported():
            db = self._open_db
            db.execute("INSERT INTO sample VALUES (?, ?, ?, ?)", (self._number, layout, meta, data))
            rows = [(name, self._number, float(value)) for name, value in (losses or {}).items()]
            db.executemany("INSERT INTO loss VALUES (?, ?, ?)", rows)
            self._number += 1
            self._uncommitted_samples += 1
            self._uncommitted_bytes += len(data)
            if (
                self._uncommitted_samples >= _SAMPLES_PER_COMMIT
                or self._uncommitted_bytes >= _BYTES_PER_COMMIT
            ):
                self._commit()
                db.execute("BEGIN EXCLUSIVE")

    def write_info(self, key: str, value: Any) -> None:
        """Store `value`, which JSON can say, about the dump as a whole."""
        text = json.dumps(value, cls=TFAIPJsonEncoder)
        with self._reported():
            self._open_db.execute("INSERT OR REPLACE INTO info VALUES (?, ?)", (key, text))

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc_val: BaseException | None,
        exc_tb: TracebackType | None,
    ) -> None:
        """Put the file in its place; after an error remove it."""
        if exc_type is not None:
            self.discard()
            return
        try:
            self.write_info("samples", self._number)
            with self._reported():
                self._commit()
                self._open_db.close()
                replace_file(self._unfinished, self.path)
        except BaseException:
            self.discard()
            raise

    @property
    def _open_db(self) -> sqlite3.Connection:
        if self._db is None:
            raise ValueError("A `DumpWriter` writes in its `with` block only.")
        return self._db

    def _commit(self) -> None:
        self._open_db.execute("COMMIT")
        self._uncommitted_samples = self._uncommitted_bytes = 0

    def _remove_leftover(self) -> None:
        """Remove what a process that was killed left, unless it is alive."""
        if self._unfinished.exists():
            with contextlib.closing(_connection(self._unfinished)) as db:
                try:
                    db.execute("BEGIN EXCLUSIVE")
                except sqlite3.OperationalError as error:
                    if "locked" in str(error):
                        raise
                except sqlite3.DatabaseError:  # not even a data base any more
                    pass
        for name in (self._unfinished, self._unfinished.with_name(f"{self._unfinished.name}-journal")):
            name.unlink(missing_ok=True)

    def discard(self) -> None:
        """Give up: remove the unfinished file. What was there before stays."""
        with contextlib.suppress(sqlite3.Error, OSError):
            if self._db is not None:
                self._db.close()
            self._remove_leftover()

    @contextlib.contextmanager
    def _reported(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.Error as error:
            cause = "another process is writing it" if "locked" in str(error) else str(error)
            raise StorageError(f"The dump `{self.path}` can not be written: {cause}.") from error
        except StorageError:
            raise
        except OSError as error:
            raise StorageError(
                f"The dump `{self.path}` can not be written: {error.strerror or error}. "
                "What was there before is unchanged."
            ) from error


class EvalDataset:
    """The samples of a dump as a sequence: `EvalDataset("out.dump")[3]["image"]`.

    An item is a dict of what the sample holds, by name. If several parts have the name, it stands for the
    output, else for the target; the full names are always there: `inputs/image`, `outputs/image`. `meta` is
    the meta data. Reading needs neither TensorFlow nor the scenario.

    Fields: `labels` are the losses by name, one value for each sample; `result` are the metrics of all
    samples by name. Both are empty if the dump was written without.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        """Open a dump.

        Raises:
            StorageError: If there is none, or it is damaged or was not completed.
            UntrustedError: If the file is a pickle, as version 1.2 wrote.
        """
        self.path = Path(path).expanduser()
        _check_kind(self.path)
        with self._reported():
            self._db = _read_only_connection(self.path)
            self._check_tables()
            info = {key: json.loads(text) for key, text in self._db.execute("SELECT key, value FROM info")}
        self._check_info(info)
        self._number = int(info["samples"])
        self.result: dict[str, Any] = info.get("result") or {}

    def __len__(self) -> int:
        """Return the number of samples."""
        return self._number

    def __getitem__(self, index: SupportsIndex) -> dict[str, Any]:
        """Return what the sample at `index` holds, by name."""
        return by_name(self.sample(index))

    def __iter__(self) -> Iterator[dict[str, Any]]:
        """Yield what each sample holds, by name."""
        return map(by_name, self.samples())

    def sample(self, index: SupportsIndex) -> Sample:
        """Return the sample at `index`; a negative one counts from the end."""
        number = operator.index(index)  # SQLite takes an integer of NumPy for a blob
        number += len(self) if number < 0 else 0
        if not 0 <= number < len(self):
            raise IndexError(f"There is no sample {index} in `{self.path}`, which has {len(self)}.")
        with self._reported():
            query = "SELECT layout, meta, data FROM sample WHERE number = ?"
            return decode(*self._db.execute(query, (number,)).fetchone())

    def samples(self) -> Iterator[Sample]:
        """Yield all samples in their order; each is read when it is asked for."""
        with self._reported():
            for row in self._db.execute("SELECT layout, meta, data FROM sample ORDER BY number"):
                yield decode(*row)

    @property
    def labels(self) -> dict[str, np.ndarray]:
        """The losses by name, as arrays with one value for each sample; NaN where a sample has none."""
        labels: dict[str, np.ndarray] = defaultdict(lambda: np.full(len(self), np.nan))
        with self._reported():
            for name, number, value in self._db.execute("SELECT name, sample, value FROM loss"):
                labels[name][number] = np.nan if value is None else value
        return dict(labels)

    def close(self) -> None:
        """Close the file."""
        self._db.close()

    def _check_tables(self) -> None:
        # A data base may hold views and triggers, which would run; ours has none.
        found = {(kind, name) for kind, name in self._db.execute("SELECT type, name FROM sqlite_master")}
        if found != {("table", name) for name in _TABLES}:
            raise StorageError(f"`{self.path}` is an SQLite data base, but no dump of tfaip.")

    def _check_info(self, info: dict[str, Any]) -> None:
        if "samples" not in info:
            raise StorageError(
                f"The dump `{self.path}` was not completed: what wrote it was interrupted. Write it again."
            )
        if info.get("version") != _VERSION:
            raise StorageError(
                f"The dump `{self.path}` has version {info.get('version')} of the format; "
                f"tfaip {__version__} reads version {_VERSION}."
            )

    @contextlib.contextmanager
    def _reported(self) -> Iterator[None]:
        try:
            yield
        except StorageError:
            raise
        except (sqlite3.Error, ValueError, TypeError, KeyError, IndexError, RecursionError) as error:
            raise StorageError(
                f"The dump `{self.path}` is damaged: {type(error).__name__}: {error}. Write it again."
            ) from error


def is_pickle(path: Path) -> bool:
    """Return whether the file is what version 1.2 wrote: a pickle, or an archive of pickles."""
    with path.open("rb") as file:
        head = file.read(2)
    return head == b"\x1f\x8b" or head[:1] == b"\x80"


def _check_kind(path: Path) -> None:
    """Refuse what is no data base, before anything else looks at it."""
    if not path.is_file():
        raise StorageError(f"There is no dump `{path}`. Write one with `tfaip-lav` or `tfaip-predict`.")
    if is_pickle(path):
        raise UntrustedError(
            f"`{path}` is a pickle, as version 1.2 wrote them, which may hold any code. If you trust who "
            "wrote it, give `--allow_pickle True`."
        )
    with path.open("rb") as file:
        if file.read(len(_MAGIC)) != _MAGIC:
            raise StorageError(f"`{path}` is no dump: it does not start as one.")


def by_name(sample: Sample) -> dict[str, Any]:
    """Return what a sample holds, by short and by full names."""
    named: dict[str, Any] = {"meta": sample.meta}
    for part in PARTS:
        content = getattr(sample, part)
        if not isinstance(content, dict):
            named[part] = content
            continue
        for name, value in content.items():
            named[name] = named[f"{part}/{name}"] = value
    return named


def _connection(path: Path) -> sqlite3.Connection:
    """Return a connection for one writer; what it commits survives its end, also a sudden one."""
    db = sqlite3.connect(path, timeout=0, isolation_level=None, check_same_thread=False)
    db.execute("PRAGMA locking_mode = EXCLUSIVE")
    return db


def _read_only_connection(path: Path) -> sqlite3.Connection:
    db = sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro&immutable=1", uri=True, check_same_thread=False)
    db.execute("PRAGMA trusted_schema = OFF")
    db.execute("PRAGMA cell_size_check = ON")
    return db
