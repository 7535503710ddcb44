"""Chromium without a window, for pages of our own."""

import shutil
import subprocess
from pathlib import Path

BROWSER = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
MISSING = "no chromium here: install the package chromium to run this"
FLAGS = (
    "--headless --no-sandbox --disable-gpu --disable-background-networking --no-first-run --disable-dev-shm-usage "
    "--enable-logging=stderr --hide-scrollbars --window-size=1280,900 --virtual-time-budget={milliseconds}"
)


def browse(url: str, profile: Path, *options: str, milliseconds: int = 60_000) -> tuple[str, list[str]]:
    """What the browser printed, and what the page wrote to the console."""
    assert BROWSER is not None
    flags = FLAGS.format(milliseconds=milliseconds).split()
    command = [BROWSER, *flags, f"--user-data-dir={profile}", *options, url]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True)
    return done.stdout, [line for line in done.stderr.splitlines() if "CONSOLE" in line]
