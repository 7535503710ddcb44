"""A grown network computes what the small one did, and then learns on."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from ludus.play.architecture import Architecture
from ludus.play.grow import grown, obstacles
from ludus.play.network import Actor, Critic

SMALL = Architecture(9, 2, 1, 24, 0, "relu", -1.0, -2.0, 0.0)
torch.set_num_threads(1)
KINDS: list[type[Actor] | type[Critic]] = [Actor, Critic]


def sized(architecture: Architecture, hidden: int, blocks: int) -> Architecture:
    """The same with other sizes, the critic's among them where it has its own."""
    critic = {f"critic_{k}": v for k, v in (("hidden", hidden), ("blocks", blocks)) if hasattr(SMALL, f"critic_{k}")}
    return replace(architecture, hidden=hidden, blocks=blocks, **critic)  # type: ignore[arg-type]


def trained(kind: type[Actor] | type[Critic], architecture: Architecture, seed: int) -> Actor | Critic:
    """With weights that no initialisation would give: nothing in them is zero or one."""
    generator = torch.Generator().manual_seed(seed)
    network = kind(architecture, generator=generator)
    with torch.no_grad():
        for parameter in network.parameters():
            parameter += 0.1 * torch.randn(parameter.shape, generator=generator)
    return network


def outputs(network: Actor | Critic, seed: int, rows: int = 400) -> torch.Tensor:
    observations = 2 * torch.randn(rows, 9, generator=torch.Generator().manual_seed(seed))
    with torch.no_grad():
        found = network(observations)
    return torch.cat(found, -1) if isinstance(found, tuple) else found


def grow(small: Actor | Critic, architecture: Architecture, seed: int = 5) -> Actor | Critic:
    generator = torch.Generator().manual_seed(seed)
    large = type(small)(architecture, generator=generator)
    large.load_state_dict(grown(small.state_dict(), large.state_dict(), generator), strict=True)
    return large


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("activation", ["relu", "tanh"])
@pytest.mark.parametrize(
    ("before", "after"),
    [((24, 0), (31, 0)), ((24, 0), (64, 0)), ((24, 2), (48, 2)), ((24, 1), (24, 3)), ((24, 1), (72, 4))],
)
@pytest.mark.parametrize("seed", range(3))
def test_the_function_is_preserved(
    kind: type[Actor] | type[Critic], activation: str, before: tuple[int, int], after: tuple[int, int], seed: int
) -> None:
    base = replace(SMALL, activation=activation)
    small, target = trained(kind, sized(base, *before), seed), sized(base, *after)
    assert obstacles(small.architecture, target) == []
    expected = outputs(small, seed)
    assert expected.std() > 0.1
    difference = (outputs(grow(small, target), seed) - expected).abs().max()
    assert difference <= 1e-6 * max(1.0, float(expected.abs().max()))


@pytest.mark.parametrize("activation", ["relu", "tanh"])
@pytest.mark.parametrize(("before", "after"), [((24, 0), (48, 0)), ((24, 1), (48, 2))])
def test_training_goes_on_and_the_copies_part(activation: str, before: tuple[int, int], after: tuple[int, int]) -> None:
    base = replace(SMALL, activation=activation)
    large = grow(trained(Critic, sized(base, *before), 1), sized(base, *after))
    first = large.trunk.input.weight.detach().clone()
    copies = torch.cdist(first, first).fill_diagonal_(1)
    assert (copies == 0).any(), "a wider layer repeats units"
    observations = torch.randn(256, 9, generator=torch.Generator().manual_seed(2))
    aim = torch.sin(3 * observations[:, 0]) + observations[:, 1] * observations[:, 2]
    optimizer = torch.optim.Adam(large.parameters(), lr=3e-3)
    losses = []
    for _ in range(150):
        loss = (large(observations) - aim).square().mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert losses[-1] < 0.3 * losses[0]
    now = large.trunk.input.weight.detach()
    assert (torch.cdist(now, now).fill_diagonal_(1)[copies == 0] > 1e-4).all(), "copies must not stay copies"
    if after[1]:
        assert all(block.outer.weight.abs().max() > 1e-3 for block in large.trunk.blocks), "new blocks learn"


@pytest.mark.parametrize(
    ("before", "after", "named"),
    [
        ((24, 0), (12, 0), "hidden"),
        ((24, 0), (24, 1), "blocks"),
        ((24, 2), (24, 1), "blocks"),
        ((24, 2), (36, 2), "hidden"),
    ],
)
def test_what_cannot_be_preserved_is_refused(before: tuple[int, int], after: tuple[int, int], named: str) -> None:
    found = obstacles(sized(SMALL, *before), sized(SMALL, *after))
    assert found
    assert named in found[0]


def test_nothing_but_sizes_may_differ() -> None:
    found = obstacles(SMALL, replace(SMALL, obs_size=10, activation="tanh"))
    assert [line.partition(":")[0] for line in found] == ["obs_size", "activation"]
