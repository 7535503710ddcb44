"""The heatmap of cross-play in Chromium: a click on any cell leads to the replay of a match of that pair."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from ludus.app.cli import run
from ludus.play.weights import to_bytes

from ..unit.onnx_kit import policy
from .browser import BROWSER, MISSING, browse

#: Clicks where a person would, and leaves what it sees for the test.
CLICK = """
<script>
addEventListener("load", () => {{
  const links = [...document.querySelectorAll({where!r})].filter((link) => !link.getAttribute("href").startsWith("#"));
  links[{index}].click();
}});
</script>
</body>"""


def clicked(path: Path, profile: Path, where: str, index: int) -> str:
    """The page that a click leads to, as the browser has drawn it."""
    text = re.sub(r"<meta http-equiv[^>]*>", "", path.read_text())
    path.write_text(text.replace("</body>", CLICK.format(where=where, index=index)))
    printed, console = browse(path.as_uri(), profile, "--dump-dom", milliseconds=20_000)
    assert console == []
    return printed


@pytest.mark.skipif(BROWSER is None, reason=MISSING)
def test_a_click_on_any_cell_leads_to_its_matches(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("LUDUS_HOME", str(tmp_path))
    for name, hidden in (("small", 16), ("large", 32)):
        folder = tmp_path / "runs" / name
        (folder / "weights").mkdir(parents=True)
        (folder / "config.json").write_text("{}")
        (folder / "weights" / "final.safetensors").write_bytes(to_bytes(*policy("original", hidden=hidden)))
    found = tmp_path / "found"
    assert run(["crossplay", "small", "large", "chaser", "--budget", "60", "--output", str(found)]) == 0
    capsys.readouterr()
    names = [row["first"] for row in json.loads((found / "crossplay.json").read_text())["pairs"]]
    assert len(names) == 3
    index = found / "index.html"
    cells = len(re.findall(r'<td[^>]*>\s*<a href="pair', index.read_text()))
    assert cells == 6, "both directions of three pairs"
    fresh = index.read_text()
    for cell in (0, cells - 1):
        index.write_text(fresh)
        chapter = clicked(index, tmp_path / f"profile-{cell}", "td a[href^=pair]", cell)
        link = re.search(r'href="(match-[^"]+\.html)"', chapter)
        assert link, chapter[:800]
        page = next(path for path in found.glob("pair-*.html") if link[1] in path.read_text())
        film = clicked(page, tmp_path / f"profile-film-{cell}", "a[href^=match]", 0)
        assert "<canvas" in film
        assert "pair-" not in film.partition("</title>")[0]
