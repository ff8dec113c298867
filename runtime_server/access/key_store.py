"""Where API keys are kept: a file, or Redis where several machines share them."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final, Protocol

from pydantic import BaseModel, ConfigDict, SecretStr, ValidationError

from registry.whole_file import READABLE_BY_OWNER, write_whole
from runtime_server.access.api_key import ApiKey

IN_REDIS: Final = "redis"


class KeyStoreError(Exception):
    """The keys cannot be read or written; the message says why."""


class KeyStore(Protocol):
    """Keys, each under a name of its own. All methods raise KeyStoreError."""

    async def read(self) -> tuple[ApiKey, ...]:
        """All of them, by name."""
        ...

    async def add(self, key: ApiKey) -> None:
        """One more; its name must be free."""
        ...

    async def remove(self, name: str) -> bool:
        """Whether there was one of this name."""
        ...

    async def close(self) -> None:
        """Let go of connections."""
        ...


class _Keys(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    keys: tuple[ApiKey, ...] = ()


class KeyFile:
    """A JSON file that only its owner can read; a reader finds the old keys or the new ones."""

    def __init__(self, path: Path) -> None:
        self._path = path

    async def read(self) -> tuple[ApiKey, ...]:
        """None where there is no file yet."""
        return self._read()

    async def add(self, key: ApiKey) -> None:
        """Also makes the file."""

        def with_it(keys: tuple[ApiKey, ...]) -> tuple[ApiKey, ...]:
            if any(one.name == key.name for one in keys):
                raise KeyStoreError(f"there is a key {key.name} already: revoke it first")
            return (*keys, key)

        self._change(with_it)

    async def remove(self, name: str) -> bool:
        """Whether there was one of this name."""
        before = len(self._read())
        self._change(lambda keys: tuple(key for key in keys if key.name != name))
        return len(self._read()) < before

    async def close(self) -> None:
        """Nothing is held."""

    def _read(self) -> tuple[ApiKey, ...]:
        try:
            content = self._path.read_bytes()
        except FileNotFoundError:
            return ()
        except OSError as exc:
            raise KeyStoreError(f"{self._path} cannot be read: {exc.strerror}") from None
        try:
            keys = _Keys.model_validate_json(content).keys
        except ValidationError:
            # Not its message, which repeats parts of the file.
            raise KeyStoreError(f"{self._path} is not a file of API keys") from None
        return tuple(sorted(keys, key=lambda key: key.name))

    def _change(self, change: Callable[[tuple[ApiKey, ...]], tuple[ApiKey, ...]]) -> None:
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            with self._locked():
                content = _Keys(keys=change(self._read())).model_dump_json(indent=2) + "\n"
                write_whole(self._path, content.encode(), READABLE_BY_OWNER)
        except OSError as exc:
            raise KeyStoreError(f"{self._path} cannot be written: {exc.strerror}") from None

    @contextmanager
    def _locked(self) -> Iterator[None]:
        # Imported here: whoever asks for no keys needs no Unix.
        import fcntl

        with self._path.with_name(f".{self._path.name}.lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield


def key_store(where: str, redis_url: SecretStr | None) -> KeyStore:
    """The store that API_KEYS names. Raises KeyStoreError: it is Redis, and REDIS_URL is empty."""
    if where != IN_REDIS:
        return KeyFile(Path(where))
    if redis_url is None:
        raise KeyStoreError("API_KEYS=redis needs REDIS_URL")
    # Imported here: keys in a file need no package redis.
    from runtime_server.access.redis_keys import RedisKeys

    return RedisKeys(redis_url.get_secret_value())
