"""`python -m tests.modal_loopback`: prints the environment as JSON, serves until stdin ends."""

import json
import sys

from tests.modal_loopback.thread import running

if __name__ == "__main__":
    with running() as server:
        sys.stdout.write(json.dumps(server.environment) + "\n")
        sys.stdout.flush()
        sys.stdin.read()
