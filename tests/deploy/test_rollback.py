"""The commands of docs/operations.md that back models up and roll them back."""

import os
import re
import subprocess
import sys
from pathlib import Path

from registry import FileStore
from tests.registry.conftest import FILES, manifest_of

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs" / "operations.md").read_text()


def test_a_backup_can_be_restored_and_the_old_version_served_again(tmp_path: Path) -> None:
    section = PAGE.partition("## Models: backup and rollback")[2]
    commands = re.search(r"```sh\n(.+?)```", section, re.DOTALL)
    assert commands is not None
    source = tmp_path / "source"
    source.mkdir()
    for name, content in FILES.items():
        (source / name).write_bytes(content)
    store = FileStore(tmp_path / "registry")
    for version in ("1.0.0", "1.1.0"):
        store.publish(manifest_of(FILES, version=version), source)
    damaged = store.resolve("demo@1.0.0").path("model.onnx")
    script = commands[1].replace("mkdir restored", 'echo damaged > "$DAMAGED"; mkdir restored')
    environment = {
        **os.environ,
        "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
        "PYTHONPATH": str(ROOT),
        "REGISTRY_ROOT": str(store.root),
        "DAMAGED": str(damaged),
        "OLD": "demo@1.0.0",
        "NEW": "demo@1.1.0",
    }
    done = subprocess.run(
        ("bash", "-euo", "pipefail", "-c", script),
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "published demo@1.0.0" in done.stdout
    assert store.resolve("demo").manifest.version == "1.0.0"
    store.resolve("demo").verify()
