"""A Modal that runs on this machine, for tests and benchmarks: no account, no network.

The real client deploys to it, publishes to its Volumes and calls it; the real container entry
point runs the deployed class in a process of its own. Written from the protobufs of the modal
wheel: an RPC that is not served here is answered UNIMPLEMENTED, so a newer client that needs more
is noticed. `python -m tests.modal_loopback` serves until its standard input ends.
"""

from tests.modal_loopback.server import LoopbackModal
from tests.modal_loopback.state import Fault
from tests.modal_loopback.thread import running

__all__ = ["Fault", "LoopbackModal", "running"]
