"""The house holds: floors and walls, line budgets, no second copy of the package, nothing banned."""

import ast
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
SOURCES = sorted(
    path
    for path in (ROOT / "services").rglob("*.py")
    if "api/v1" not in path.as_posix() and "__pycache__" not in path.parts
)
SCRIPTS = sorted((ROOT / "benchmarks").rglob("*.py"))
PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md"), *(ROOT / "configs").rglob("*.toml")])
BANNED = {"pickle", "cloudpickle", "dill", "joblib", "shelve"}


def test_sources_are_found() -> None:
    assert len(SOURCES) > 40


def test_imports_point_downwards() -> None:
    done = subprocess.run(["lint-imports"], cwd=ROOT, capture_output=True, text=True, env=_environment(), check=False)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("module", ["ludus.league.service", "ludus.kernel.service", "ludus.app.cli", "ludus.games"])
def test_light_modules_load_neither_torch_nor_warp(module: str) -> None:
    code = f"import sys, {module}; print([m for m in ('torch', 'warp', 'services') if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_files_and_functions_stay_small(path: Path) -> None:
    text = path.read_text()
    assert len(text.splitlines()) <= 400
    long = [
        f"{node.name}: {node.end_lineno - node.lineno + 1}"
        for node in ast.walk(ast.parse(text))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        and node.end_lineno
        and node.end_lineno - node.lineno >= 80
    ]
    assert not long, f"functions of 80 lines or more: {long}"


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_no_unsafe_loader_and_no_absolute_self_import(path: Path) -> None:
    for node in ast.walk(ast.parse(path.read_text())):
        names: list[str] = []
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.level == 0:
            names = [node.module or ""]
        roots = {name.partition(".")[0] for name in names}
        assert not roots & BANNED, f"{path}: {roots & BANNED}"
        assert not roots & {"ludus", "services"}, f"{path}: inside the package imports are relative"
        if isinstance(node, ast.Call):
            called = ast.unparse(node.func)
            assert called not in {"torch.load", "torch.save", "yaml.load", "eval", "exec"}, f"{path}: {called}"
            assert not any(k.arg == "shell" and ast.unparse(k.value) == "True" for k in node.keywords), path


@pytest.mark.parametrize("path", SCRIPTS, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_benchmarks_import_what_is_there(path: Path) -> None:
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("ludus."):
            assert find_spec(str(node.module)), f"{path.name} imports {node.module}, which is not there"


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_nothing_is_left_of_a_merge(path: Path) -> None:
    marks = ("<" * 7 + " ", ">" * 7 + " ")
    assert not [line for line in path.read_text().splitlines() if line.startswith(marks)]


def _environment() -> dict[str, str]:
    import os

    return {**os.environ, "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"}
