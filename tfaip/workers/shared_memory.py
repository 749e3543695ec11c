"""Memory that processes share: one file without a name, cut into blocks.

The file has no name that could be left behind: it is gone when the last process that has it open ends,
however it ends. Its space is reserved before it is used, so that a lack of it is an error here instead of a
bus error (SIGBUS) at the first write.
"""

import contextlib
import mmap
import os
import sys
import tempfile
from collections import defaultdict
from typing import Any

from tfaip.errors import DataError

_SMALLEST_BYTES = 1 << 16
_MOST_FREE_BYTES = 256 << 20  # blocks of a size that is no longer asked for are given back above this
_HUGE_PAGE_BYTES = 2 << 20

# Since Python 3.13 a mapping need not hold a descriptor of its own.
_MAP_OPTIONS: dict[str, Any] = {"trackfd": False} if sys.version_info >= (3, 13) else {}


class Block:
    """A part of the shared memory, as this process sees it: `offset` and `size` in bytes, and `memory`."""

    __slots__ = ("memory", "offset", "size")

    def __init__(self, descriptor: int, offset: int, size: int) -> None:
        self.offset = offset
        self.size = size
        self.memory = mmap.mmap(descriptor, size, offset=offset, **_MAP_OPTIONS)
        if size >= _HUGE_PAGE_BYTES and hasattr(mmap, "MADV_HUGEPAGE"):
            _advise(self.memory, mmap.MADV_HUGEPAGE)


class SharedMemory:
    """The blocks that one process hands out; other processes map them with `SharedView`.

    Fields: `descriptor` of the file; `num_bytes` that are reserved.
    """

    def __init__(self, *, in_memory: bool = True) -> None:
        """Open a new file.

        Args:
            in_memory: Whether the file is in memory; otherwise it is in the temporary directory.
        """
        self._in_memory = in_memory
        self.descriptor = open_nameless(in_memory=in_memory)
        self.num_bytes = 0
        self._end = 0
        self._free: defaultdict[int, list[Block]] = defaultdict(list)
        self._free_bytes = 0

    def allocate(self, size: int) -> Block:
        """Return a block of at least `size` bytes, one that was used before if there is one.

        Raises:
            DataError: if there is no space left.
        """
        size = _rounded(size)
        fitting = [s for s in self._free if size <= s <= 2 * size]
        if fitting:
            return self._reuse(min(fitting))
        if self._free_bytes > _MOST_FREE_BYTES:
            self._release_free()
        return self._new(size)

    def free(self, block: Block) -> None:
        """Take a block back; nobody may use it from now on."""
        self._free[block.size].append(block)
        self._free_bytes += block.size

    def close(self) -> None:
        """Close the file; what is mapped stays until it is no longer used."""
        if self.descriptor >= 0:
            os.close(self.descriptor)
            self.descriptor = -1
        self._free.clear()

    def _reuse(self, size: int) -> Block:
        block = self._free[size].pop()
        if not self._free[size]:
            del self._free[size]
        self._free_bytes -= size
        return block

    def _new(self, size: int) -> Block:
        start = (
            -(-self._end // _HUGE_PAGE_BYTES) * _HUGE_PAGE_BYTES if size >= _HUGE_PAGE_BYTES else self._end
        )
        try:
            os.posix_fallocate(self.descriptor, start, size)
            block = Block(self.descriptor, start, size)
        except OSError as error:
            raise self._is_full(size, error) from error
        self._end = start + size
        self.num_bytes += size
        return block

    def _release_free(self) -> None:
        """Give the memory of all free blocks back; their place in the file is not used again."""
        for blocks in self._free.values():
            for block in blocks:
                _advise(block.memory, mmap.MADV_REMOVE)
                self.num_bytes -= block.size
        self._free.clear()
        self._free_bytes = 0

    def _is_full(self, size: int, error: OSError) -> DataError:
        place, instead = "shared memory", "set `use_shared_memory` to false, which takes a temporary file"
        if not self._in_memory:
            place, instead = f"the temporary directory {tempfile.gettempdir()}", "set TMPDIR to a larger one"
        return DataError(
            f"{place} is full: {in_mib(size)} are needed beside the {in_mib(self.num_bytes)} in use "
            f"({error.strerror}). Use a smaller `batch_size`, fewer `num_processes`, or {instead}."
        )


class SharedView:
    """The blocks of another process."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self._blocks: dict[int, Block] = {}

    def block(self, offset: int, size: int) -> Block:
        """Return the block at `offset`."""
        block = self._blocks.get(offset)
        if block is None:
            block = self._blocks[offset] = Block(self._descriptor, offset, size)
        return block


def in_mib(num_bytes: float) -> str:
    """Return a number of bytes as a message shows it."""
    return f"{num_bytes / (1 << 20):,.1f} MiB"


def open_nameless(*, in_memory: bool = True) -> int:
    """Return the descriptor of a new file without a name, in memory or in the temporary directory."""
    if in_memory and hasattr(os, "memfd_create"):
        return os.memfd_create("tfaip")
    folder = "/dev/shm" if in_memory and os.path.isdir("/dev/shm") else None
    with tempfile.TemporaryFile(dir=folder) as file:
        return os.dup(file.fileno())


def _rounded(size: int) -> int:
    """Return a size above `size`, by a quarter at most, so that similar blocks serve for each other."""
    size = max(size, _SMALLEST_BYTES)
    step = 1 << (size.bit_length() - 3)
    return -(-size // step) * step


def _advise(memory: mmap.mmap, advice: int) -> None:
    with contextlib.suppress(OSError):  # what is not supported is not needed either
        memory.madvise(advice)
