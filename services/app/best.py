"""Which version of a run is the best one, and its weights."""

from __future__ import annotations

import asyncio
from pathlib import Path

from ..kernel.blobs import BlobMissing, get_blob
from ..kernel.bus import Bus, BusError
from ..kernel.players import is_guest, is_version, version_key, version_of
from ..kernel.topology import POLICIES_BUCKET
from ..learner.checkpoint import saved_in
from ..play.weights import CorruptWeights, from_bytes
from .errors import CommandError
from .home import Home, Json, RunFolder, read_json, read_rows
from .stack import is_up
from .trained import FINAL, Trained, trained

PATIENCE_SECONDS = 5.0


def best_version(run: RunFolder) -> tuple[str, str]:
    """Its id and the reason: the champion of the promotion gate, or else the highest rating of record.

    Raises CommandError where nothing was measured.
    """
    promotions = [row for row in read_rows(run.path / "events.jsonl") if row.get("kind") == "promotion"]
    if champions := [row["detail"]["champion"] for row in promotions if "champion" in row.get("detail", {})]:
        return str(champions[-1]), "champion of the promotion gate"
    record: Json = read_json(run.path / "measured.json").get("record", {})
    rated = [row for row in record.get("players", []) if is_version(row["player"]) and not is_guest(row["player"])]
    if not rated:
        raise CommandError(f"{run.name} has no rated version yet. Export the newest one without --best.")
    top = max(rated, key=lambda row: float(row["elo"]))
    return str(top["player"]), f"rating of record {top['elo']:+.0f} ± {1.96 * top['error']:.0f}"


def weights_of(run: RunFolder, version: str, home: Home) -> Trained:
    """From the run's folder, or else from the bus, where every measured version is kept. Raises CommandError."""
    agent, epoch, step = version_of(version)
    agent = agent if run.agents() else ""
    folder = run.folder_of(agent)
    if (folder / "weights" / f"{FINAL}.safetensors").is_file():
        last = trained(run, agent=agent)
        if (last.manifest.epoch, last.manifest.step) == (epoch, step):
            return last
    if any((saved.epoch, saved.step) == (epoch, step) for saved in saved_in(folder / "checkpoints")):
        return trained(run, f"{epoch}-{step}", agent)
    return asyncio.run(_from_bus(run, version, home))


async def _from_bus(run: RunFolder, version: str, home: Home) -> Trained:
    stack = read_json(home.stack_file)
    url = str(run.whole_config()["bus"]["url"])
    if not url and not (is_up(home) and stack.get("nats_ready")):
        raise CommandError(f"{version} is in no checkpoint, but kept on the bus, and the stack is down: ludus up")
    try:
        bus = await Bus.connect(url or str(stack["nats_url"]), run.name, "console", patience_seconds=PATIENCE_SECONDS)
    except BusError as error:
        raise CommandError(str(error)) from error
    try:
        return await _kept(bus, version)
    except (BusError, BlobMissing, CorruptWeights) as error:
        raise CommandError(f"{version} of {run.name} cannot be had: {error}") from error
    finally:
        await bus.close()


async def _kept(bus: Bus, version: str) -> Trained:
    from ..api.v1.policy_pb2 import PolicyHead

    entry = await (await bus.bucket(POLICIES_BUCKET)).get(version_key(version))
    if entry is None:
        raise BlobMissing(f"{version} is not kept")
    data = await get_blob(bus, PolicyHead.FromString(entry.value).policy.sha256)
    return Trained(version.replace("@", "-"), Path(), *from_bytes(data))
