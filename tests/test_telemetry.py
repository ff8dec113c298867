import os
import subprocess
import sys
from pathlib import Path

import pytest


@pytest.mark.parametrize("module", ["runtime_server.graph_session", "export.passes.verify"])
def test_onnxruntime_is_loaded_with_its_telemetry_off(module: str, tmp_path: Path) -> None:
    environment = {**os.environ, "TMPDIR": str(tmp_path)}
    environment.pop("ORT_DISABLE_TELEMETRY", None)
    program = f"import {module}, sys; assert 'onnxruntime' in sys.modules"
    subprocess.run([sys.executable, "-c", program], env=environment, check=True)
    # With telemetry on, loading onnxruntime 1.32 writes an identifier of the machine there.
    assert list(tmp_path.glob(".ses")) == []
