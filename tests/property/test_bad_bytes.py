"""Whatever bytes come, every decoder takes them or refuses them in its own words; memory does not grow."""

from __future__ import annotations

import random
import resource

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from .bad_bytes import Decoder, decoders, mutate  # type: ignore[import-untyped]

NAMES = ("rollout", "weights", "ticket", "result", "command", "config", "checkpoint")
#: A soak of all decoders together; reading configurations is slow, so they get a hundredth.
SOAK_MESSAGES = 1_000_000


@pytest.fixture(scope="module")
def all_decoders(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Decoder]:
    return {decoder.name: decoder for decoder in decoders(tmp_path_factory.mktemp("bytes"))}


def test_every_decoder_is_here(all_decoders: dict[str, Decoder]) -> None:
    assert tuple(all_decoders) == NAMES
    assert all(decoder.survives(decoder.good) for decoder in all_decoders.values())


@pytest.mark.parametrize("name", NAMES)
def test_damaged_messages(all_decoders: dict[str, Decoder], name: str) -> None:
    decoder = all_decoders[name]

    @settings(max_examples=100, deadline=None)
    @given(seed=st.integers(0, 2**32 - 1))
    def damaged(seed: int) -> None:
        decoder.survives(mutate(decoder.good, random.Random(seed)))

    damaged()


@pytest.mark.parametrize("name", NAMES)
def test_noise(all_decoders: dict[str, Decoder], name: str) -> None:
    decoder = all_decoders[name]

    @settings(max_examples=100, deadline=None)
    @given(data=st.binary(max_size=400))
    def noise(data: bytes) -> None:
        decoder.survives(data)

    noise()


@pytest.mark.slow
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("name", NAMES)
def test_a_million_messages(all_decoders: dict[str, Decoder], name: str) -> None:
    decoder, draw = all_decoders[name], random.Random(7)
    count, before = SOAK_MESSAGES // (100 if name == "config" else len(NAMES) - 1), 0
    for number in range(count):
        decoder.survives(mutate(decoder.good, draw))
        if number == count // 10:
            before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 64 * 1024, "memory grew by more than 64 MB"
