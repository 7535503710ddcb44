"""NumPy arrays on the wire: raw bytes with a dtype and a shape, checked before they are believed."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

from ..api.v1.tensor_pb2 import Tensor

#: Name of the type in messages.
BFLOAT16 = "bfloat16"


def to_tensor(array: NDArray[Any]) -> Tensor:
    """Any numeric or bool array; bytes are little-endian, in C order."""
    if array.dtype.kind not in "biuf":
        raise ValueError(f"an array of {array.dtype} cannot be sent: only bool, integer and float arrays can")
    little = np.ascontiguousarray(array, dtype=array.dtype.newbyteorder("<"))
    return Tensor(dtype=array.dtype.name, shape=array.shape, data=little.tobytes())


def bfloat16_tensor(bits: NDArray[np.uint16]) -> Tensor:
    """bfloat16 numbers, for which NumPy has no type, by their bits."""
    return Tensor(dtype=BFLOAT16, shape=bits.shape, data=bits.astype("<u2", copy=False).tobytes())


def from_tensor(tensor: Tensor, *, dtype: DTypeLike, shape: Sequence[int | None], max_bytes: int) -> NDArray[Any]:
    """A read-only view of the message's bytes, without a copy. `None` in `shape` leaves that dimension free.

    Raises ValueError saying what was wrong.
    """
    wanted = np.dtype(dtype)
    return _array(tensor, wanted.name, wanted, shape, max_bytes)


def from_float_tensor(tensor: Tensor, *, shape: Sequence[int | None], max_bytes: int) -> NDArray[np.float32]:
    """float32 as it is, or bfloat16 widened to float32, which loses nothing. Raises ValueError."""
    if tensor.dtype != BFLOAT16:
        return from_tensor(tensor, dtype=np.float32, shape=shape, max_bytes=max_bytes)
    bits = _array(tensor, BFLOAT16, np.dtype(np.uint16), shape, max_bytes).astype(np.uint32)
    return np.left_shift(bits, 16, out=bits).view(np.float32)


def _array(
    tensor: Tensor, name: str, dtype: np.dtype[Any], shape: Sequence[int | None], max_bytes: int
) -> NDArray[Any]:
    """`name` is the type that the message must state, `dtype` how its numbers lie in memory."""
    found = tuple(tensor.shape)
    if tensor.dtype != name:
        raise ValueError(f"tensor: expected dtype {name}, found {tensor.dtype or 'none'!r}")
    if len(found) != len(shape) or not all(map(_fits, found, shape)):
        raise ValueError(f"tensor: expected shape {_text(shape)}, found {_text(found)}")
    size = math.prod(found) * dtype.itemsize
    if size > max_bytes:
        raise ValueError(f"tensor: {size} bytes are more than the {max_bytes} allowed here")
    if len(tensor.data) != size:
        raise ValueError(f"tensor: shape {_text(found)} of {name} needs {size} bytes, found {len(tensor.data)}")
    return np.frombuffer(tensor.data, dtype=dtype.newbyteorder("<")).reshape(found)


def _fits(found: int, wanted: int | None) -> bool:
    return found >= 0 and wanted in (None, found)


def _text(shape: Sequence[int | None]) -> str:
    return "[" + ", ".join("any" if n is None else str(n) for n in shape) + "]"
