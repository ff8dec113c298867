"""The short form of `make chaos`, and what its report counts as what."""

import json
import subprocess
import sys

from benchmarks.chaos.tally import Tally, documented_codes
from benchmarks.serving.traffic import Answer
from benchmarks.topology import NEEDED
from registry import Artifact
from tests.deploy.conftest import needs

FAULTS = [
    "a replica is killed",
    "Redis is stopped",
    "Modal is a void",
    "artifacts are damaged",
    "the disk is full while a model is published",
    "the memory budget is exhausted",
    "everything is stopped",
]


def test_nothing_is_lost_whatever_fails(lexical_tiny: Artifact) -> None:
    needs(*NEEDED)
    done = subprocess.run(
        (sys.executable, "-m", "benchmarks.chaos", "--short", "--json"),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    report = json.loads(done.stdout)
    assert list(report) == [*FAULTS, "all"]
    assert {name for name, counts in report.items() if counts["lost"]} == set()
    for counts in report.values():
        assert counts["sent"] == counts["answered"] + sum(counts["refused"].values())
        assert counts["answered"] >= 30
    # Who asks for nothing that is broken is answered.
    assert report["a replica is killed"]["refused"] == {}
    assert report["the disk is full while a model is published"]["refused"] == {}
    assert report["everything is stopped"]["refused"] == {}
    assert report["artifacts are damaged"]["refused"]["artifact_corrupt"] > 0
    assert report["the memory budget is exhausted"]["refused"].get("all_backends_failed", 0) > 0


def test_only_a_documented_code_is_a_refusal() -> None:
    outcomes = [(200, ""), (503, "no_replica"), (503, ""), (500, "internal"), (0, "ClientOSError")]
    tally = Tally.of(Answer(status=s, code=c, milliseconds=1) for s, c in outcomes)
    assert (tally.sent, tally.answered, tally.refused) == (5, 1, {"no_replica": 1})
    assert tally.lost == {"503": 1, "internal": 1, "ClientOSError": 1}
    assert {"overloaded", "too_many_requests"} <= documented_codes()
    assert "internal" not in documented_codes()
