"""ONNX files in ONNX Runtime: one thread, on the CPU, from bytes that have been read and checked before."""

from __future__ import annotations

from contextlib import redirect_stdout
from io import StringIO
from typing import Any

import numpy as np
import numpy.typing as npt
import onnxruntime as ort

FloatArray = npt.NDArray[np.float32]


class BadModel(ValueError):
    """ONNX Runtime does not take the file, or its answer is not what the contract wants."""


def open_session(data: bytes) -> ort.InferenceSession:
    """Raises BadModel with the runtime's first line."""
    options = ort.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.log_severity_level = 4
    try:
        # Its Python side prints about failures what is said in the exception too.
        with redirect_stdout(StringIO()):
            session = ort.InferenceSession(data, options, providers=["CPUExecutionProvider"])
    except Exception as error:  # the runtime's own exceptions have no common class
        raise BadModel(f"ONNX Runtime refuses it: {_first_line(error)}") from error
    session.disable_fallback()
    return session


def infer(session: ort.InferenceSession, rows: FloatArray) -> FloatArray:
    """The first output for the first input, float32 [n, A]; row by row where the file takes one row only.

    Raises BadModel if it fails or the answer is not one float32 row for each row.
    """
    wanted = session.get_inputs()[0]
    parts = [rows[k : k + 1] for k in range(len(rows))] if wanted.shape[0] == 1 else [rows]
    try:
        answers: list[Any] = [session.run([session.get_outputs()[0].name], {wanted.name: part})[0] for part in parts]
    except Exception as error:  # as above
        raise BadModel(f"inference of {len(rows)} rows failed: {_first_line(error)}") from error
    for part, answer in zip(parts, answers, strict=True):
        if not isinstance(answer, np.ndarray) or answer.dtype != np.float32 or answer.ndim != 2:
            raise BadModel(f"expected a float32 answer of rank 2, found {_kind(answer)}")
        if len(answer) != len(part):
            raise BadModel(f"expected {len(part)} rows of answers, found {len(answer)}")
        if answer.shape[1] != answers[0].shape[1]:
            raise BadModel(f"its answers have {answers[0].shape[1]} columns for one row, {answer.shape[1]} for another")
    return np.concatenate(answers)


def _kind(answer: Any) -> str:
    return f"{answer.dtype} {list(answer.shape)}" if isinstance(answer, np.ndarray) else type(answer).__name__


def _first_line(error: Exception) -> str:
    return str(error).strip().partition("\n")[0][:200] or type(error).__name__
