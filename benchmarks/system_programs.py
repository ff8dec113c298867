"""Programs of Debian that tests of the deployment, and benchmarks, run.

`python -m benchmarks.system_programs` installs them.
"""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from rich.console import Console

# Program: the package that has it.
PACKAGES: Final = {
    "docker-compose": "docker-compose",
    "envsubst": "gettext-base",
    "nginx": "nginx-light",
    "promtool": "prometheus",
    "redis-server": "redis-server",
    "wrk": "wrk",
}
MODULES: Final = ("libnginx-mod-http-brotli-static",)
_POLICY: Final = Path("/usr/sbin/policy-rc.d")


def find_program(name: str) -> str | None:
    """Where it is; None where it is not installed. Debian keeps some outside of a user's PATH."""
    others = f"/usr/sbin:/usr/local/sbin:{Path(sys.executable).parent}"
    return shutil.which(name) or shutil.which(name, path=others)


def missing() -> tuple[str, ...]:
    """Those that are not here."""
    return tuple(name for name in PACKAGES if find_program(name) is None)


def install() -> bool:
    """Debian's packages, where this is root on a Debian system; whether all are here then.

    Their services are not started: nobody asked for a web server on port 80.
    """
    if not missing():
        return True
    if os.geteuid() != 0 or not shutil.which("apt-get"):
        return False
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    subprocess.run(["apt-get", "update", "-qq"], check=False, env=environment)
    packages = (*(PACKAGES[name] for name in missing()), *MODULES)
    with _no_services():
        for package in packages:
            # One by one: where one does not exist, the tests that need the others still run.
            command = ["apt-get", "install", "-y", "-qq", "--no-install-recommends", package]
            subprocess.run(command, check=False, env=environment, stdout=subprocess.DEVNULL)
    return not missing()


@contextmanager
def _no_services() -> Iterator[None]:
    # Debian's way to say so (invoke-rc.d asks it); what an operator has put there stays.
    if _POLICY.exists():
        yield
        return
    _POLICY.write_text("#!/bin/sh\nexit 101\n")
    _POLICY.chmod(0o755)
    try:
        yield
    finally:
        _POLICY.unlink()


def main() -> None:
    """Install what is missing, and say what still is: tests that need it are skipped."""
    console = Console(stderr=True)
    if absent := missing():
        console.print(f"Installing {', '.join(absent)}")
    if not install():
        needed = " ".join(PACKAGES[name] for name in missing())
        console.print(f"What needs them is skipped: apt-get install {needed}")


if __name__ == "__main__":
    main()
