"""Who this server is to Modal: decided without the network."""

import importlib.util
import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, Self

from runtime_server.errors import StartError
from runtime_server.settings import Settings

INSTALL: Final = "pip install 'samegraph[modal]'"
HOW_TO: Final = (
    "no Modal token: set MODAL_TOKEN_ID and MODAL_TOKEN_SECRET, or run `modal token set` "
    "(https://modal.com/settings/tokens)"
)


@dataclass(frozen=True)
class ModalCredentials:
    """A token of a Modal workspace."""

    token_id: str
    token_secret: str = field(repr=False)

    @classmethod
    def find(cls, settings: Settings) -> Self | None:
        """That of the settings, else the user's own that the modal client has stored, else None."""
        if settings.modal_token_id is not None and settings.modal_token_secret is not None:
            return cls(
                settings.modal_token_id.get_secret_value(),
                settings.modal_token_secret.get_secret_value(),
            )
        stored = os.environ.get("MODAL_CONFIG_PATH", "~/.modal.toml")
        if not Path(stored).expanduser().is_file() or not is_installed():
            return None
        # Imported late: it takes half a second, and most servers have no such file.
        from modal.config import config

        found = config.get("token_id"), config.get("token_secret")
        return cls(*found) if all(found) else None


def is_installed() -> bool:
    """Whether the package modal is there."""
    return importlib.util.find_spec("modal") is not None


def require_credentials(settings: Settings) -> ModalCredentials:
    """Raises StartError, with what to do about it."""
    if not is_installed():
        raise StartError(f"the package modal is not installed: {INSTALL}")
    found = ModalCredentials.find(settings)
    if found is None:
        raise StartError(HOW_TO)
    return found
