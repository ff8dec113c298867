"""Finds a Chromium for tests and benchmarks; `python -m benchmarks.chromium` installs one."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

from playwright.sync_api import sync_playwright

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
# Chromium's own calls home fail slowly without a network, and as root it has no sandbox.
ARGUMENTS = (
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    *(["--no-sandbox"] if hasattr(os, "geteuid") and os.geteuid() == 0 else []),
)


def find_chromium() -> Path | None:
    """$CHROMIUM, else one on the PATH, else the one that Playwright installed, else None."""
    named = os.environ.get("CHROMIUM")
    if named:
        return Path(named)
    found = next((path for name in NAMES if (path := shutil.which(name))), None)
    if found:
        return Path(found)
    with sync_playwright() as playwright:
        own = Path(playwright.chromium.executable_path)
    return own if own.is_file() else None


def can_install_packages() -> bool:
    """Whether this is a Debian system, and we are root."""
    return hasattr(os, "geteuid") and os.geteuid() == 0 and shutil.which("apt-get") is not None


def install_packages(*packages: str) -> None:
    """Debian's packages of these names. Raises CalledProcessError."""
    print(f"Installing Debian's {', '.join(packages)}", flush=True)  # noqa: T201
    subprocess.run(["apt-get", "update", "-qq"], check=True)
    command = ["apt-get", "install", "-y", "-qq", "--no-install-recommends", *packages]
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    subprocess.run(command, check=True, env=environment, stdout=subprocess.DEVNULL)


def install() -> None:
    """Debian's package when root on a Debian system, else Playwright's own build."""
    if can_install_packages():
        install_packages("chromium")
    else:
        print("Installing Playwright's chromium", flush=True)  # noqa: T201
        subprocess.run([sys.executable, "-m", "playwright", "install", "chromium"], check=True)


def main() -> None:
    """Make sure that there is a Chromium."""
    if find_chromium() is None:
        install()
    if find_chromium() is None:
        sys.exit(
            "error: no Chromium; install one, or name it: CHROMIUM=/path/to/chromium make test"
        )


if __name__ == "__main__":
    main()
