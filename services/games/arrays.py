"""Arrays that NumPy and the kernels share: the same memory on the CPU, a mirror on a GPU."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import warp as wp


def shares_memory(device: str) -> bool:
    """Whether kernels on `device` work on NumPy's memory."""
    return bool(wp.get_device(device).is_cpu)


class Mirror:
    """One zeroed array seen from both sides.

    `host` is the NumPy side, `device` the kernels' side. On the CPU they are one memory and `push` and `pull` cost
    nothing; on a GPU they copy. `dtype` is a Warp type, scalar or struct; a struct is a structured array in NumPy.
    """

    __slots__ = ("device", "host", "shared")

    def __init__(self, shape: tuple[int, ...], dtype: Any, device: str) -> None:
        layout = dtype.numpy_dtype() if hasattr(dtype, "numpy_dtype") else wp.dtype_to_numpy(dtype)
        self.host: npt.NDArray[Any] = np.zeros(shape, layout)
        self.shared = shares_memory(device)
        self.device = wp.array(self.host, dtype=dtype, device=device, copy=not self.shared)

    def columns(self, first: int, dtype: Any, count: int = 0) -> Any:
        """The kernels' view of `dtype.length` floats from column `first` on, as an array [...] of that vector type.

        With a count, of so many such vectors that follow each other, as an array [..., count].
        """
        whole = self.device
        more = (count,) if count else ()
        steps = (dtype._length_ * whole.strides[-1],) if count else ()
        return wp.array(
            ptr=whole.ptr + first * whole.strides[-1] if whole.ptr else None,
            dtype=dtype,
            shape=(*whole.shape[:-1], *more),
            strides=(*whole.strides[:-1], *steps),
            device=whole.device,
        )

    def push(self) -> None:
        """Make the kernels see what was written to `host`."""
        if not self.shared:
            self.device.assign(self.host)

    def pull(self) -> None:
        """Make `host` show what the kernels wrote."""
        if not self.shared:
            np.copyto(self.host, self.device.numpy())
