"""Fuzzing of one decoder, guided by which lines of ours each input reaches: `python -m tests.property.fuzz ticket 60`.

What libFuzzer finds it writes to the current folder and says so.
"""

from __future__ import annotations

import random
import sys
import tempfile
from pathlib import Path

import atheris

with atheris.instrument_imports(include=["ludus"]):
    from .bad_bytes import decoders, mutate

#: Memory of the process; torch alone takes some hundred.
LIMIT_MB = 2048


def main(name: str, seconds: int) -> None:
    with tempfile.TemporaryDirectory() as folder:
        decoder = next(one for one in decoders(Path(folder)) if one.name == name)
        corpus = Path(folder) / "corpus"
        corpus.mkdir()
        (corpus / "good").write_bytes(decoder.good)
        options = [f"-max_total_time={seconds}", f"-rss_limit_mb={LIMIT_MB}", f"-max_len={2 * len(decoder.good)}"]
        arguments = [sys.argv[0], *options, "-print_final_stats=1", str(corpus)]
        atheris.Setup(arguments, decoder.survives, custom_mutator=vary)
        atheris.Fuzz()


def vary(data: bytes, most_bytes: int, seed: int) -> bytes:
    """libFuzzer's accidents and our own in turn."""
    changed = mutate(data, random.Random(seed)) if seed % 2 else atheris.Mutate(data, most_bytes)
    return bytes(changed[:most_bytes])


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
