"""What the commands do, in one process with the test: progress, and that no wait is without end."""

import asyncio
from collections.abc import Awaitable, Callable, Iterator

import pytest

from benchmarks.black_hole import black_hole
from registry import Artifact
from runtime_server.errors import StartError
from runtime_server.modal_admin import ModalAdmin, Patience
from runtime_server.modal_credentials import ModalCredentials
from runtime_server.modal_plan import ModalPlan
from runtime_server.modal_upload import upload_bytes
from runtime_server.settings import Settings
from tests.modal_backend.conftest import built
from tests.modal_loopback import Fault, LoopbackModal, running
from tests.modal_loopback.core import TOKEN_ID, TOKEN_SECRET

Action = Callable[[ModalAdmin], Awaitable[object]]
PATIENT = Patience()
IMPATIENT = Patience(answer_s=1, build_s=3, stall_s=1)
# A test that waits for that has failed.
FOR_EVER = Fault(delay_s=60)


@pytest.fixture
def empty(monkeypatch: pytest.MonkeyPatch) -> Iterator[LoopbackModal]:
    with running() as server:
        monkeypatch.setenv("MODAL_SERVER_URL", server.url)
        yield server


def done(action: Action, patience: Patience = PATIENT) -> object:
    plan = ModalPlan.of(Settings(_env_file=None))

    async def connected() -> object:
        credentials = ModalCredentials(TOKEN_ID, TOKEN_SECRET)
        async with ModalAdmin.connected(credentials, plan, patience) as admin:
            return await action(admin)

    return asyncio.run(connected())


def publishing(artifact: Artifact, told: Callable[[int], None] = lambda _: None) -> Action:
    return lambda admin: admin.publish(artifact, told)


def test_publish_tells_of_the_bytes_within_a_file_and_in_the_end_of_all(
    empty: LoopbackModal,
) -> None:
    artifact = built("minilm-small")
    told: list[int] = []
    sent = done(publishing(artifact, told.append))
    assert sent == sum(told) == upload_bytes(artifact)
    # A graph of 23 MB.
    assert max(told) < 1_000_000


def test_what_is_there_counts_as_done_at_once(empty: LoopbackModal, lexical_tiny: Artifact) -> None:
    done(publishing(lexical_tiny))
    told: list[int] = []
    assert done(publishing(lexical_tiny, told.append)) == 0
    assert sum(told) == upload_bytes(lexical_tiny)
    assert len(told) == 1 + len(lexical_tiny.manifest.files)


def test_an_upload_that_stands_still_ends(empty: LoopbackModal, lexical_tiny: Artifact) -> None:
    empty.blob_delay_s = FOR_EVER.delay_s
    with pytest.raises(StartError, match="cannot be reached"):
        done(publishing(lexical_tiny), IMPATIENT)


def test_an_upload_that_is_slow_but_goes_on_is_waited_for(empty: LoopbackModal) -> None:
    artifact = built("minilm-small")
    empty.blob_delay_s = 0.2
    # Longer than one block takes, shorter than all do.
    told: list[int] = []
    done(publishing(artifact, told.append), Patience(stall_s=1.0))
    assert sum(told) == upload_bytes(artifact)


ACTIONS: dict[str, Action] = {
    "deploy": lambda admin: admin.deploy(),
    "publish": lambda admin: admin.publish(built("minilm-small"), lambda _: None),
    "status": lambda admin: admin.status(),
    "remove": lambda admin: admin.remove(artifacts=True),
}


@pytest.mark.parametrize("action", ACTIONS.values(), ids=ACTIONS)
def test_a_modal_that_cannot_be_reached_is_an_error_in_time(
    monkeypatch: pytest.MonkeyPatch, action: Action
) -> None:
    with black_hole() as address:
        monkeypatch.setenv("MODAL_SERVER_URL", address)
        with pytest.raises(StartError, match="cannot be reached"):
            done(action, Patience(connect_s=0.5))


@pytest.mark.parametrize(
    ("action", "rpc"),
    [
        ("deploy", "AppPublish"),
        ("publish", "VolumeGetOrCreate"),
        ("publish", "VolumeListFiles2"),
        ("publish", "VolumePutFiles2"),
        ("status", "AppGetOrCreate"),
        ("status", "VolumeListFiles2"),
        ("status", "VolumeGetFile2"),
        ("status", "FunctionGetCurrentStats"),
        ("remove", "AppStop"),
        ("remove", "VolumeDelete"),
    ],
)
def test_whatever_modal_does_not_answer_is_an_error_in_time(
    modal: LoopbackModal, action: str, rpc: str
) -> None:
    modal.always[rpc] = FOR_EVER
    with pytest.raises(StartError):
        done(ACTIONS[action], IMPATIENT)
    assert modal.count(rpc) >= 1
