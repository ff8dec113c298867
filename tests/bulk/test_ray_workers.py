"""Decisions of the Ray engine, without a cluster."""

import pickle
from pathlib import Path

import pytest

from benchmarks.live_server import free_port
from registry import Artifact, DigestMismatchError
from registry.store import DEFAULT_ROOT
from runtime_server.bulk.errors import BulkError
from runtime_server.bulk.shipment import Shipment
from tests.server.command import run


def test_a_worker_has_a_node_or_an_equal_share() -> None:
    pytest.importorskip("ray")
    from runtime_server.bulk.ray_workers import shares

    assert shares([4, 0, 16], None) == (16, 4)
    assert shares([4, 4], 4) == (2, 2, 2, 2)
    assert shares([4, 16], 2) == (4, 4)
    assert shares([2], 3) == (1, 1, 1)
    with pytest.raises(BulkError, match="no CPUs"):
        shares([0], None)


def test_a_shipment_arrives_as_it_was_sent(hash_tiny: Artifact) -> None:
    sent = pickle.dumps(Shipment.of(hash_tiny, lambda piece: piece))
    shipment: Shipment[bytes] = pickle.loads(sent)  # noqa: S301
    with shipment.unpacked(lambda piece: piece) as arrived:
        assert arrived.manifest == hash_tiny.manifest
        assert arrived.folder != hash_tiny.folder
    assert not arrived.folder.exists()


def test_a_shipment_that_changed_on_the_way_is_not_used(hash_tiny: Artifact) -> None:
    shipment = Shipment.of(hash_tiny, lambda piece: piece)
    with (
        pytest.raises(DigestMismatchError, match="sha256"),
        shipment.unpacked(lambda piece: piece[:-1] + b"\0"),
    ):
        raise AssertionError("it was used")


def test_no_cluster_is_one_line(tmp_path: Path) -> None:
    pytest.importorskip("ray")
    (tmp_path / "in.jsonl").write_text('{"text": "a text"}\n')
    address = f"127.0.0.1:{free_port()}"
    files = (str(tmp_path / "in.jsonl"), str(tmp_path / "out.jsonl"))
    ray = ("--engine", "ray", "--ray-address", address)
    done = run(DEFAULT_ROOT, "score", *files, *ray, DEFAULT_MODEL="lexical-tiny")
    assert done.returncode == 1
    assert done.stderr.startswith(f"error no Ray cluster at {address}: ")
