"""How an object is written into a block of shared memory, and read from it.

The arrays of the object lie in the block as they are. What remains, their places and the object around them,
is pickled behind them: the number of arrays, the length of the pickle, for each array its start and its
length, all as 64-bit integers, then the pickle.
"""

import pickle
import struct
from collections.abc import Callable
from typing import Any

import numpy as np

from tfaip.workers.shared_memory import Block

_ALIGNMENT = 64  # TensorFlow takes an array over without a copy if it begins at a multiple
_NUMBER_BYTES = 8


class Payload:
    """An object that is ready to be written.

    Arrays that lie in the block `inside` already, as `Bench.empty` makes them, stay where they are if it is
    written there.
    """

    def __init__(self, value: Any, inside: Block | None = None, used: int = 0) -> None:
        """Take the object apart.

        Args:
            value: Anything that can be pickled.
            inside: The block in which some of its arrays are.
            used: The bytes at the start of `inside` that are in use.
        """
        buffers: list[pickle.PickleBuffer] = []
        self._pickled = pickle.dumps(value, protocol=5, buffer_callback=buffers.append)
        self._arrays = [buffer.raw() for buffer in buffers]
        self._inside, self._used = inside, used
        self._starts = [_place_inside(array, inside) for array in self._arrays]
        loose = sum(_aligned(a.nbytes) for a, s in zip(self._arrays, self._starts, strict=True) if s < 0)
        self._tail_bytes = (2 + 2 * len(self._arrays)) * _NUMBER_BYTES + len(self._pickled)
        self.size_inside = _aligned(used) + loose + self._tail_bytes
        """Bytes that `inside` must have."""
        self.size = sum(_aligned(a.nbytes) for a in self._arrays) + self._tail_bytes
        """Bytes that another block must have."""

    def write(self, block: Block) -> int:
        """Write the object into `block` and return where its description starts."""
        memory, here = block.memory, block is self._inside
        end = _aligned(self._used) if here else 0
        places: list[int] = []
        for array, start in zip(self._arrays, self._starts, strict=True):
            if not here or start < 0:
                start, end = end, end + _aligned(array.nbytes)
                memory[start : start + array.nbytes] = array
            places += (start, array.nbytes)
        struct.pack_into(f"{2 + len(places)}q", memory, end, len(self._arrays), len(self._pickled), *places)
        pickle_start = end + (2 + len(places)) * _NUMBER_BYTES
        memory[pickle_start : pickle_start + len(self._pickled)] = self._pickled
        return end


def read(block: Block, start: int) -> Any:
    """Return the object whose description starts at `start`, with arrays of its own."""
    return _read(block, start, lambda memory: bytearray(memory))


def read_in_place(block: Block, start: int) -> tuple[Any, np.ndarray]:
    """Return the object and what its arrays refer to; as long as that lives the block may not be reused."""
    owner = np.frombuffer(block.memory, np.uint8)
    buffer: Any = owner  # Python's stubs know arrays as buffers since 3.12 only
    return _read(block, start, lambda memory: memory, memoryview(buffer)), owner


def _read(
    block: Block, start: int, taken: Callable[[memoryview], Any], memory: memoryview | None = None
) -> Any:
    view = memoryview(block.memory) if memory is None else memory
    number, pickled_bytes = struct.unpack_from("2q", view, start)
    start += 2 * _NUMBER_BYTES
    places = struct.unpack_from(f"{2 * number}q", view, start)
    start += 2 * number * _NUMBER_BYTES
    arrays = [taken(view[p : p + n]) for p, n in zip(places[::2], places[1::2], strict=True)]
    return pickle.loads(view[start : start + pickled_bytes], buffers=arrays)


class Bench:
    """The block in which a worker puts its result, and the arrays it makes there."""

    def __init__(self, block: Block, larger: Callable[[int], Block]) -> None:
        """Prepare for one result.

        Args:
            block: Where it is put if it fits.
            larger: Returns a block of so many bytes.
        """
        self._block = block
        self._larger = larger
        self._used = 0

    def empty(self, *kinds: tuple[tuple[int, ...], Any]) -> list[np.ndarray]:
        """Return an array for each shape and dtype, with any values; they need not be copied later.

        Called once for a result; arrays of Python objects are ordinary ones.
        """
        kinds_with_dtype = [(shape, np.dtype(dtype)) for shape, dtype in kinds]
        sizes = [
            0 if dtype.hasobject else _aligned(int(np.prod(shape)) * dtype.itemsize)
            for shape, dtype in kinds_with_dtype
        ]
        needed = self._used + sum(sizes) + _SLACK_BYTES
        if needed > self._block.size:
            self._block, self._used = self._larger(needed), 0
        return [self._array(*kind, size) for kind, size in zip(kinds_with_dtype, sizes, strict=True)]

    def put(self, value: Any) -> tuple[Block, int, int]:
        """Write the result; return its block, where its description starts, and the bytes that it took."""
        payload = Payload(value, self._block, self._used)
        if payload.size_inside <= self._block.size:
            return self._block, payload.write(self._block), payload.size_inside
        block = self._larger(payload.size)
        return block, payload.write(block), payload.size

    def _array(self, shape: tuple[int, ...], dtype: np.dtype, size: int) -> np.ndarray:
        if size == 0:
            return np.empty(shape, dtype)
        array = np.ndarray(shape, dtype, self._block.memory, self._used)
        self._used += size
        return array


_SLACK_BYTES = 1 << 13  # for the description of a usual batch


def _aligned(size: int) -> int:
    return -(-size // _ALIGNMENT) * _ALIGNMENT


def _place_inside(array: memoryview, block: Block | None) -> int:
    """Return where in `block` the memory of `array` is; -1 if it is elsewhere."""
    if block is None or array.nbytes == 0:
        return -1
    start = _address(array) - _address(block.memory)
    return start if 0 <= start < block.size else -1


def _address(memory: Any) -> int:
    return np.frombuffer(memory, np.uint8).__array_interface__["data"][0]
