"""The page of a replay in a real browser: it draws, it obeys, and it complains about nothing."""

import json
import re
from html import unescape
from pathlib import Path
from typing import Any

import pytest

from ludus.app.viewer.page import render
from ludus.play.duel import Contender, duel

from . import browser
from .browser import BROWSER, MISSING

pytestmark = pytest.mark.skipif(BROWSER is None, reason=MISSING)

#: Presses keys and moves sliders as a person would, and notes what the page did.
DRIVER = """
<script>
const notes = { errors: [] };
addEventListener("error", (event) => notes.errors.push(event.message));
const key = (name, more) => dispatchEvent(new KeyboardEvent("keydown", { key: name, ...more }));
const now = () => Number(root.dataset.tick);
const print = (canvas) => canvas.toDataURL();
function coloured() {
  const { width, height } = byId("arena"), pen = byId("arena").getContext("2d");
  const { data } = pen.getImageData(0, 0, width, height), near = [0, 0];
  const parts = (text) => text.match(/[0-9a-f]{2}/g).map((digits) => parseInt(digits, 16));
  const wanted = ["seat-0", "seat-1"].map((name) => parts(colours[name]));
  for (let k = 0; k < data.length; k += 4)
    wanted.forEach((rgb, seat) => { near[seat] += rgb.every((part, c) => Math.abs(part - data[k + c]) < 12); });
  return near;
}
async function drive() {
  notes.start = now();
  notes.pixels = coloured();
  const [arena, traces] = [print(byId("arena")), print(byId("traces"))];
  byId("scrub").value = 300;
  byId("scrub").dispatchEvent(new Event("input"));
  notes.scrubbed = now();
  notes.arenaChanged = print(byId("arena")) !== arena;
  notes.cursorMoved = print(byId("traces")) !== traces;
  key("Home");
  notes.again = print(byId("arena")) === arena;
  key("ArrowRight"); notes.decision = now();
  key("ArrowRight", { shiftKey: true }); notes.second = now();
  key("ArrowLeft"); notes.back = now();
  key("End"); notes.end = now();
  notes.down = [0, 1].map((seat) => document.querySelector(`[data-card="${seat}"] em`).textContent);
  key("ArrowUp"); notes.faster = root.dataset.speed;
  for (let k = 0; k < 9; k++) key("ArrowDown");
  notes.slowest = root.dataset.speed;
  for (let k = 0; k < 9; k++) key("ArrowUp");
  notes.fastest = root.dataset.speed;
  const box = byId("traces").getBoundingClientRect();
  byId("traces").dispatchEvent(new PointerEvent("pointerdown",
    { buttons: 1, clientX: box.left + LEFT + (box.width - LEFT - RIGHT) / 2, clientY: box.top + 50 }));
  notes.middle = now();
  key("Home"); key(" ");
  notes.playing = root.dataset.playing;
  for (let k = 0; k < 300 && now() <= 0; k++) await new Promise((done) => setTimeout(done, 100));
  notes.ran = now();
  key(" ");
  notes.paused = root.dataset.playing;
  notes.drawn = Number(root.dataset.drawn);
  notes.heading = document.querySelector("h1").textContent;
  notes.facts = byId("facts").textContent;
  notes.wide = root.scrollWidth > innerWidth;
}
drive().catch((error) => notes.errors.push(String(error))).then(() => { root.dataset.notes = JSON.stringify(notes); });
</script>
</body>"""


@pytest.fixture(scope="module")
def page() -> tuple[str, int]:
    """The page of a match between two bots, one with a hostile name, and its length in ticks."""
    players = [Contender("</script><b>red</b>", bot="brawler"), Contender("bot:ace", bot="ace")]
    match = duel("dogfight", "training", {}, 1, players)
    assert match.outcome != 2
    text = render(match)
    ticks = re.search(r'"ticks":(\d+)', text)
    assert ticks is not None
    return text, int(ticks[1])


def browse(page: Path, *options: str) -> tuple[str, list[str]]:
    return browser.browse(f"{page.as_uri()}#t=0", page.parent / "profile", *options)


def test_the_page_draws_and_obeys(page: tuple[str, int], tmp_path: Path) -> None:
    text, ticks = page
    path = tmp_path / "driven.html"
    path.write_text(text.replace("</body>", DRIVER))
    printed, console = browse(path, "--dump-dom")
    found = re.search(r'data-notes="([^"]*)"', printed)
    assert found, printed[:500]
    notes: dict[str, Any] = json.loads(unescape(found[1]))
    assert console == []
    assert notes["errors"] == []
    assert (notes["start"], notes["scrubbed"]) == (0, 300)
    assert min(notes["pixels"]) > 100, "both aircraft are drawn in their colours"
    assert notes["arenaChanged"]
    assert notes["cursorMoved"]
    assert notes["again"], "the same moment looks the same"
    assert (notes["decision"], notes["second"], notes["back"], notes["end"]) == (10, 130, 120, ticks)
    assert sorted(notes["down"]) == ["", "down"]
    assert (notes["faster"], notes["slowest"], notes["fastest"]) == ("2", "0.25", "8")
    assert abs(notes["middle"] - ticks / 2) < ticks / 200 + 1
    assert (notes["playing"], notes["paused"]) == ("true", "false")
    assert notes["ran"] > 0, "time passes while it plays; how fast is up to the frames a headless browser grants"
    assert notes["drawn"] > 10
    assert notes["heading"].split() == ["</script><b>red</b>", "against", "ace"]
    assert "seed 1" in notes["facts"]
    assert not notes["wide"]


def test_the_page_needs_nothing_else(page: tuple[str, int]) -> None:
    text, _ = page
    assert not re.search(r"""(src|href)=|url\(|https?://|@import|fetch\(|XMLHttpRequest""", text)
    assert "default-src 'none'" in text


def test_it_prints(page: tuple[str, int], tmp_path: Path) -> None:
    path = tmp_path / "printed.html"
    path.write_text(page[0])
    _, console = browse(path, f"--print-to-pdf={tmp_path / 'page.pdf'}", "--no-pdf-header-footer")
    data = (tmp_path / "page.pdf").read_bytes()
    assert console == []
    assert data.startswith(b"%PDF")
    assert len(re.findall(rb"/Type\s*/Page\b", data)) == 1, "a match fits on one sheet"
