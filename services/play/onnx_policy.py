"""A policy from an ONNX file, whoever made it: checked against the contract, then seated like any other."""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from ..games.game import GameSpec
from .contract import WIDTHS, problems, read_model
from .fixed import FixedPolicy
from .onnx_runtime import BadModel, infer, open_session


class OnnxPolicy(FixedPolicy):
    """Rows of observations [n, ≥ D] -> means [n, C], logits [n, K]; the first D floats are read.

    A row whose answer is not finite, and every row of a failing inference, is no action: zeros, no fire.
    """

    def __init__(self, data: bytes, game: GameSpec, rules: str) -> None:
        """Raises BadModel naming everything the contract wants and the file has not."""
        super().__init__()
        if found := problems(data, rules):
            raise BadModel("; ".join(found))
        self.sha256 = hashlib.sha256(data).hexdigest()
        self._width = WIDTHS[rules]
        self._continuous = len(game.action.continuous)
        self._size = game.action.size
        self._session = open_session(data)

    @classmethod
    def load(cls, path: Path, game: GameSpec, rules: str) -> OnnxPolicy:
        """Raises OSError, or BadModel; an oversized file is not read."""
        return cls(read_model(path), game, rules)

    def forward(self, obs: Tensor) -> tuple[Tensor, Tensor]:
        rows = np.ascontiguousarray(obs[:, : self._width].cpu().numpy(), np.float32)
        try:
            answer = infer(self._session, rows)
        except BadModel:
            answer = np.zeros((len(rows), self._size), np.float32)
        if answer.shape != (len(rows), self._size):
            answer = np.zeros((len(rows), self._size), np.float32)
        answer = np.where(np.isfinite(answer).all(axis=1, keepdims=True), answer, np.float32(0))
        out = torch.from_numpy(answer).to(obs.device)
        return out[:, : self._continuous], out[:, self._continuous :]
