"""Finds Firefox and WebKitGTK for tests; as a program, installs them on Debian."""

import os
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

from benchmarks.chromium import can_install_packages, install_packages

FIREFOX_NAMES = ("firefox-esr", "firefox")
# Debian's packages; xvfb is the screen that WebKitGTK cannot do without.
PACKAGES = ("firefox-esr", "webkit2gtk-driver", "xvfb", "xauth")


@dataclass(frozen=True)
class WebKit:
    """WebKitGTK: what drives it, the browser itself, and an X server in place of a screen."""

    driver: Path
    browser: Path
    screen: Path


def find_firefox() -> Path | None:
    """$FIREFOX, else one on the PATH, else None."""
    named = os.environ.get("FIREFOX")
    if named:
        return Path(named)
    return _on_path(*FIREFOX_NAMES)


def find_webkit() -> WebKit | None:
    """All of its parts, else None."""
    driver, screen = _on_path("WebKitWebDriver"), _on_path("Xvfb")
    browsers = sorted(Path("/usr").glob("lib*/**/webkit2gtk-4.*/MiniBrowser"))
    if driver is None or screen is None or not browsers:
        return None
    return WebKit(driver, browsers[-1], screen)


def _on_path(*names: str) -> Path | None:
    found = next((path for name in names if (path := shutil.which(name))), None)
    return Path(found) if found else None


def main() -> None:
    """Install what is missing where that is allowed; tests skip what is not there."""
    if find_firefox() and find_webkit():
        return
    if not can_install_packages():
        print("Firefox and WebKitGTK are not installed: their tests are skipped")  # noqa: T201
        return
    try:
        install_packages(*PACKAGES)
    except subprocess.CalledProcessError as error:
        print(f"Firefox and WebKitGTK could not be installed: {error}")  # noqa: T201


if __name__ == "__main__":
    main()
