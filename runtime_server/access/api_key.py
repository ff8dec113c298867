"""API keys: what a caller holds, and what the server keeps of it."""

import hashlib
import hmac
import secrets
from collections.abc import Iterable
from datetime import UTC, datetime
from enum import StrEnum
from typing import Annotated, Final

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

PREFIX: Final = "sg"
_ID_BYTES: Final = 4
_SECRET_BYTES: Final = 32
_SALT_BYTES: Final = hashlib.blake2b.SALT_SIZE

KeyName = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$")]
Hex = Annotated[str, Field(pattern=r"^(?:[0-9a-f]{2})+$")]


class KeyScope(StrEnum):
    """What a key is good for."""

    PREDICT = "predict"
    ADMIN = "admin"
    METRICS = "metrics"


class ApiKey(BaseModel):
    """A key without its secret, of which only a salted hash is kept.

    The secret has 256 random bits. Nobody finds those by trying, so that a fast hash (BLAKE2b, RFC
    7693) protects them as well as a slow one would, and costs a request a few microseconds.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: KeyName
    key_id: Hex
    scopes: frozenset[KeyScope] = Field(min_length=1)
    rate_limit: str | None = None
    created: AwareDatetime
    expires: AwareDatetime | None = None
    salt: Hex = Field(repr=False)
    digest: Hex = Field(repr=False)

    def has_expired(self, now: datetime) -> bool:
        """Whether its time is over."""
        return self.expires is not None and now >= self.expires


def new_key(
    name: str,
    scopes: Iterable[KeyScope],
    *,
    rate_limit: str | None = None,
    expires: datetime | None = None,
) -> tuple[str, ApiKey]:
    """What the caller gets, once and never again, and what is kept. Raises ValidationError."""
    key_id, secret = secrets.token_hex(_ID_BYTES), secrets.token_urlsafe(_SECRET_BYTES)
    salt = secrets.token_bytes(_SALT_BYTES)
    kept = ApiKey(
        name=name,
        key_id=key_id,
        scopes=frozenset(scopes),
        rate_limit=rate_limit,
        created=datetime.now(UTC).replace(microsecond=0),
        expires=expires,
        salt=salt.hex(),
        digest=_digest(secret, salt),
    )
    return f"{PREFIX}_{key_id}_{secret}", kept


class KeyRing:
    """All keys, found by what a caller sends."""

    def __init__(self, keys: Iterable[ApiKey]) -> None:
        self._by_id = {key.key_id: key for key in keys}

    def __len__(self) -> int:
        return len(self._by_id)

    def find(self, sent: str) -> ApiKey | None:
        """The key; None where it is unknown, wrong or has expired.

        Takes as long for an unknown key as for a wrong one.
        """
        _, _, rest = sent.partition("_")
        key_id, _, secret = rest.partition("_")
        key = self._by_id.get(key_id, _NOBODYS)
        fits = hmac.compare_digest(_digest(secret, bytes.fromhex(key.salt)), key.digest)
        if not fits or key is _NOBODYS or key.has_expired(datetime.now(UTC)):
            return None
        return key


def _digest(secret: str, salt: bytes) -> str:
    content = secret.encode("utf-8", "surrogatepass")
    return hashlib.blake2b(content, digest_size=32, salt=salt).hexdigest()


_NOBODYS: Final = new_key("nobody", [KeyScope.PREDICT])[1]
