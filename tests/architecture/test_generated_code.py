"""The committed protobuf code is what protoc makes of protos/ today, for the oldest runtime we promise."""

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def test_generated_code_is_current(tmp_path: Path) -> None:
    protos = sorted(path.relative_to(ROOT) for path in (ROOT / "protos").rglob("*.proto"))
    assert len(protos) == 12
    arguments = ["-I", "protos", f"--python_out={tmp_path}", f"--grpc_python_out={tmp_path}", f"--pyi_out={tmp_path}"]
    subprocess.run([sys.executable, "-m", "grpc_tools.protoc", *arguments, *map(str, protos)], cwd=ROOT, check=True)
    for made in sorted((tmp_path / "ludus" / "api" / "v1").iterdir()):
        committed = ROOT / "services" / "api" / "v1" / made.name
        assert committed.read_text() == made.read_text(), f"{made.name} is stale: run `make proto`"


def test_generated_code_declares_the_promised_runtime() -> None:
    text = (ROOT / "services" / "api" / "v1" / "match_pb2.py").read_text()
    assert "Protobuf Python Version: 6.31." in text, "generate with grpcio-tools 1.73"
