"""NumPy arrays on the wire: raw bytes with a dtype and a shape, checked before they are believed."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

from ..api.v1.tensor_pb2 import Tensor


def to_tensor(array: NDArray[Any]) -> Tensor:
    """Any numeric or bool array; bytes are little-endian, in C order."""
    if array.dtype.kind not in "biuf":
        raise ValueError(f"an array of {array.dtype} cannot be sent: only bool, integer and float arrays can")
    little = np.ascontiguousarray(array, dtype=array.dtype.newbyteorder("<"))
    return Tensor(dtype=array.dtype.name, shape=array.shape, data=little.tobytes())


def from_tensor(tensor: Tensor, *, dtype: DTypeLike, shape: Sequence[int | None], max_bytes: int) -> NDArray[Any]:
    """A read-only view of the message's bytes, without a copy. `None` in `shape` leaves that dimension free.

    Raises ValueError saying what was wrong.
    """
    wanted = np.dtype(dtype)
    found = tuple(tensor.shape)
    if tensor.dtype != wanted.name:
        raise ValueError(f"tensor: expected dtype {wanted.name}, found {tensor.dtype or 'none'!r}")
    if len(found) != len(shape) or not all(map(_fits, found, shape)):
        raise ValueError(f"tensor: expected shape {_text(shape)}, found {_text(found)}")
    size = math.prod(found) * wanted.itemsize
    if size > max_bytes:
        raise ValueError(f"tensor: {size} bytes are more than the {max_bytes} allowed here")
    if len(tensor.data) != size:
        raise ValueError(f"tensor: shape {_text(found)} of {wanted.name} needs {size} bytes, found {len(tensor.data)}")
    return np.frombuffer(tensor.data, dtype=wanted.newbyteorder("<")).reshape(found)


def _fits(found: int, wanted: int | None) -> bool:
    return found >= 0 and wanted in (None, found)


def _text(shape: Sequence[int | None]) -> str:
    return "[" + ", ".join("any" if n is None else str(n) for n in shape) + "]"
