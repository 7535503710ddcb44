"""Functions of tensors as programs of TorchScript."""

from __future__ import annotations

import logging
import warnings
from collections.abc import Callable
from typing import TypeVar

import torch

log = logging.getLogger(__name__)

if hasattr(torch._C, "_jit_set_texpr_fuser_enabled"):
    # Operations melted into one (torch does that on GPUs) round differently from the same operations in Python.
    torch._C._jit_set_texpr_fuser_enabled(False)

Function = TypeVar("Function", bound=Callable[..., object])


def scripted(function: Function) -> Function:
    """The same function, run by torch instead of by Python: for many small operations in a row.

    Meanwhile other threads have Python's lock. Where torch has no TorchScript (any more), or an operation is missing,
    the function stays what it is and does the same, more slowly.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        try:
            return torch.jit.script(function)  # type: ignore[no-any-return]
        except (RuntimeError, AttributeError) as error:
            log.debug("%s stays in Python: %s", function.__qualname__, error)
            return function
