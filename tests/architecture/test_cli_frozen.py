"""The command line does not change by accident: scripts of users depend on it.

After a deliberate change: `python tests/architecture/test_cli_frozen.py && make docs`, and say so in the changelog.
"""

import json
from pathlib import Path

from ludus.app.reference import markdown, tree

SNAPSHOT = Path(__file__).with_name("cli.json")
PAGE = Path(__file__).resolve().parents[2] / "docs" / "cli.md"


def test_commands_and_options_are_as_written_down() -> None:
    assert tree() == json.loads(SNAPSHOT.read_text())


def test_the_promised_commands_are_there() -> None:
    promised = "up down train attach status stop resume logs runs config doctor league".split()  # noqa: SIM905
    promised += ["export", "validate", "tournament"]
    assert set(promised) <= {name.removeprefix("ludus ") for name in tree()}


def test_the_page_is_current() -> None:
    assert PAGE.read_text() == markdown(), "docs/cli.md is stale: run `make docs`"


if __name__ == "__main__":
    SNAPSHOT.write_text(json.dumps(tree(), indent=1) + "\n")
