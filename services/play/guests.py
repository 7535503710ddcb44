"""Guests: ONNX files from elsewhere, seated as policies. The packages they need load only when one is at the table."""

from __future__ import annotations

from ..games.registry import spec
from .fixed import FixedPolicy


class UnplayableGuest(ValueError):
    """Not a submission to this game and rule set, or the packages to play one are missing. The message says which."""


def load_guest(data: bytes, game: str, rules: str) -> FixedPolicy:
    """The policy in these bytes. Raises UnplayableGuest with everything the contract wants and the file has not."""
    try:
        from .contract import GAME, WIDTHS
        from .onnx_policy import OnnxPolicy
        from .onnx_runtime import BadModel
    except ImportError as error:
        raise UnplayableGuest(f"{error.name} is not installed: pip install 'ludus[export]'") from error
    if game != GAME or rules not in WIDTHS:
        raise UnplayableGuest(f"ONNX files can play {GAME} ({', '.join(WIDTHS)}), not {game} {rules}")
    try:
        return OnnxPolicy(data, spec(game), rules)
    except BadModel as error:
        raise UnplayableGuest(str(error)) from error
