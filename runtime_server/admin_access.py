"""Who may use the admin routes: whoever knows ADMIN_KEY. Without that setting nobody may."""

import secrets
from dataclasses import dataclass
from typing import Annotated

from fastapi import Depends
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer
from pydantic import SecretStr

from runtime_server.errors import AdminDisabledError, UnauthorizedError

_bearer = HTTPBearer(auto_error=False, description="ADMIN_KEY of the server.")
Credentials = Annotated[HTTPAuthorizationCredentials | None, Depends(_bearer)]


@dataclass(frozen=True)
class AdminAccess:
    """A dependency of every admin route."""

    key: SecretStr | None

    def __call__(self, credentials: Credentials) -> None:
        """Raises AdminDisabledError, UnauthorizedError. Compares in constant time."""
        if self.key is None:
            raise AdminDisabledError("set ADMIN_KEY, and send it as Authorization: Bearer")
        given = credentials.credentials if credentials else ""
        expected = self.key.get_secret_value()
        if not secrets.compare_digest(given.encode(), expected.encode()):
            raise UnauthorizedError("send Authorization: Bearer with the value of ADMIN_KEY")
