"""The units, as systemd reads them."""

import shutil
import subprocess
from pathlib import Path

import pytest

UNITS = Path(__file__).resolve().parents[2] / "deploy" / "systemd"


@pytest.mark.parametrize(
    ("unit", "instance"),
    [
        ("samegraph@.service", "samegraph@8001.service"),
        ("samegraph-nginx.service", "samegraph-nginx.service"),
    ],
)
def test_systemd_has_nothing_to_say(unit: str, instance: str, tmp_path: Path) -> None:
    if shutil.which("systemd-analyze") is None:
        pytest.skip("systemd-analyze is not installed (Debian: apt-get install systemd)")
    text = (UNITS / unit).read_text()
    start = next(line for line in text.splitlines() if line.startswith("ExecStart=/opt/samegraph/"))
    # That program is not on this machine.
    (tmp_path / unit).write_text(text.replace(start, "ExecStart=/bin/true"))
    done = subprocess.run(
        ("systemd-analyze", "verify", "--man=no", tmp_path / instance),
        capture_output=True,
        text=True,
        check=False,
    )
    complaints = [line for line in done.stderr.splitlines() if "samegraph" in line]
    assert (done.returncode, complaints) == (0, [])
