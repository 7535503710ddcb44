"""The report of a run in a real browser: light, dark and on paper; and the live pages of `ludus dashboard`."""

import http.client
import json
import re
import threading
from collections.abc import Iterator
from html import unescape
from pathlib import Path
from typing import Any

import pytest

from ludus.app.dashboard import HOST, Dashboard
from ludus.app.errors import UsageError
from ludus.app.home import Home
from ludus.evaluator.page.html import page
from ludus.evaluator.page.report import report_of
from ludus.evaluator.page.story import read_story

from ..unit.report_kit import HOSTILE, write_run
from .browser import BROWSER, MISSING, browse

needs_browser = pytest.mark.skipif(BROWSER is None, reason=MISSING)

#: Looks for what a person would complain about: text outside its chart, text one cannot read, a page that is too wide.
INSPECTOR = """
<script>
const notes = { texts: 0, outside: [], faint: [], charts: 0 };
const pen = document.createElement("canvas").getContext("2d", { willReadFrequently: true });
function rgb(colour) {
  pen.clearRect(0, 0, 1, 1); pen.fillStyle = colour; pen.fillRect(0, 0, 1, 1);
  return [...pen.getImageData(0, 0, 1, 1).data];
}
function light(colour) {
  const linear = (c) => c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4;
  const [r, g, b] = rgb(colour).map((part) => linear(part / 255));
  return 0.2126 * r + 0.7152 * g + 0.0722 * b;
}
function behind(node) {
  for (let at = node; at; at = at.parentElement) {
    const colour = getComputedStyle(at).backgroundColor;
    if (rgb(colour)[3] > 250) return colour;
  }
  return "white";
}
function contrast(one, other) {
  const [dark, bright] = [light(one), light(other)].sort((a, b) => a - b);
  return (bright + 0.05) / (dark + 0.05);
}
for (const svg of document.querySelectorAll("svg.plot")) {
  notes.charts += 1;
  const frame = svg.viewBox.baseVal;
  for (const text of svg.querySelectorAll("text")) {
    const box = text.getBBox();
    notes.texts += 1;
    if (box.x < -1 || box.x + box.width > frame.width + 1 || box.y < -1 || box.y + box.height > frame.height + 2)
      notes.outside.push(text.textContent);
    const onColour = text.classList.contains("on");
    if (!onColour && contrast(getComputedStyle(text).fill, behind(svg)) < 4) notes.faint.push(text.textContent);
  }
}
for (const cell of document.querySelectorAll("td, th, p, dt, dd, small, summary"))
  if (cell.textContent && contrast(getComputedStyle(cell).color, behind(cell)) < 4.5)
    notes.faint.push(cell.textContent);
notes.wide = document.documentElement.scrollWidth > innerWidth;
notes.dark = light(getComputedStyle(document.body).backgroundColor) < 0.1;
document.documentElement.dataset.notes = JSON.stringify(notes);
</script>
</body>"""


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Home:
    root = tmp_path_factory.mktemp("home")
    write_run(root / "runs" / "by-hand")
    return Home(root)


@needs_browser
@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("agents", [1, 2])
def test_a_person_would_not_complain(tmp_path: Path, scheme: str, agents: int) -> None:
    text = page(report_of(read_story(write_run(tmp_path / "run", agents=agents))))
    path = tmp_path / "inspected.html"
    path.write_text(re.sub(r"<meta http-equiv[^>]*>", "", text).replace("</body>", INSPECTOR))
    options = ["--dump-dom", *(["--blink-settings=preferredColorScheme=0"] if scheme == "dark" else [])]
    printed, console = browse(path.as_uri(), tmp_path / "profile", *options)
    found = re.search(r'data-notes="([^"]*)"', printed)
    assert found, printed[:500]
    notes: dict[str, Any] = json.loads(unescape(found[1]))
    assert console == []
    assert notes["charts"] >= 14
    assert notes["texts"] > 100
    assert notes["outside"] == []
    assert notes["faint"] == []
    assert not notes["wide"]
    assert notes["dark"] == (scheme == "dark")


@needs_browser
def test_it_is_drawn_and_printed(tmp_path: Path) -> None:
    path = tmp_path / "report.html"
    path.write_text(page(report_of(read_story(write_run(tmp_path / "run")))))
    _, console = browse(path.as_uri(), tmp_path / "profile", f"--screenshot={tmp_path / 'shot.png'}")
    assert console == []
    assert (tmp_path / "shot.png").stat().st_size > 40_000, "an empty page is a tenth of it"
    browse(path.as_uri(), tmp_path / "profile", f"--print-to-pdf={tmp_path / 'page.pdf'}", "--no-pdf-header-footer")
    pages = re.findall(rb"/Type\s*/Page\b", (tmp_path / "page.pdf").read_bytes())
    assert 3 <= len(pages) <= 9


def test_the_page_needs_nothing_else(tmp_path: Path) -> None:
    text = page(report_of(read_story(write_run(tmp_path / "run"))))
    assert not re.search(r"""(src|href)="(?!#)|url\(|https?://(?!www.w3.org/2000/svg)|@import|<script""", text)


@pytest.fixture
def board(home: Home) -> Iterator[Dashboard]:
    with Dashboard(home, 0) as board:
        thread = threading.Thread(target=board.serve, daemon=True)
        thread.start()
        yield board
        board.close()
        thread.join()


def get(board: Dashboard, path: str, host: str = "") -> tuple[int, str]:
    port = int(board.url.rstrip("/").rpartition(":")[2])
    connection = http.client.HTTPConnection(HOST, port, timeout=20)
    connection.request("GET", path, headers={"Host": host or f"{HOST}:{port}"})
    answer = connection.getresponse()
    return answer.status, answer.read().decode()


def test_the_dashboard_lists_and_shows(board: Dashboard, home: Home) -> None:
    status, text = get(board, "/")
    assert (status, "/run/by-hand" in text) == (200, True)
    status, text = get(board, "/run/by-hand")
    assert status == 200
    assert "88.0 %" in text
    assert "connect-src 'self'" in text
    assert get(board, "/run/by-hand?part=body")[1] in text


@pytest.mark.parametrize("path", ["/run/nobody", "/run/", "/run/%2e%2e%2f", "/replay/by-hand/..%2f..%2fconfig", "//"])
def test_what_is_not_there_is_said_plainly(board: Dashboard, path: str) -> None:
    status, text = get(board, path)
    assert status == (200 if path == "//" else 404)
    assert "Traceback" not in text


def test_no_other_page_can_read_it(board: Dashboard) -> None:
    """A name of somebody else's that points to loopback (DNS rebinding)."""
    assert get(board, "/", host="evil.example:80")[0] == 403


def test_a_port_that_is_taken_is_named(board: Dashboard, home: Home) -> None:
    port = int(board.url.rstrip("/").rpartition(":")[2])
    with pytest.raises(UsageError, match=str(port)):
        Dashboard(home, port)


@needs_browser
def test_the_live_page_looks_for_news(board: Dashboard, tmp_path: Path) -> None:
    printed, console = browse(board.url + "run/by-hand", tmp_path / "profile", "--dump-dom", milliseconds=9_000)
    assert console == []
    refreshed = re.search(r'data-refreshed="(\d+)"', printed)
    assert refreshed, "it asked, and showed the answer"
    assert "88.0 %" in printed
    assert HOSTILE not in printed
