"""What an operator can set, from the environment or from `.env`; `.env.example` documents it."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Final, Literal, Self

from pydantic import (
    AfterValidator,
    BeforeValidator,
    Field,
    SecretStr,
    ValidationError,
    model_validator,
)
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from registry import Backend, SignatureError
from registry.signature import public_key_bytes
from registry.store import DEFAULT_ROOT
from registry.windows import RUN_ROWS, RUN_TOKENS
from runtime_server.batch_choice import WASTE, WINDOW
from runtime_server.errors import SettingsError
from runtime_server.served_model import ServedModel

DEMO_ROOT: Final = Path(__file__).resolve().parent.parent / "web_bundle" / "dist" / "static"

LATENCY_RECORD: Final = DEMO_ROOT.parents[2] / "benchmarks" / "reports" / "expected_latency.json"


def _listed(value: object) -> object:
    if not isinstance(value, str):
        return value
    if value.lstrip().startswith("["):
        try:
            return json.loads(value)
        except json.JSONDecodeError as exc:
            raise ValueError(f"starts like a JSON list and is none ({exc})") from None
    return [item.strip() for item in value.split(",") if item.strip()]


def _lower(value: object) -> object:
    return value.lower() if isinstance(value, str) else value


def _gpu(text: str) -> str:
    return "none" if text.lower() == "none" else text.upper()


def _origin(text: str) -> str:
    scheme, separator, host = text.partition("://")
    if text != "*" and not (scheme in {"http", "https"} and separator and host.strip("/") == host):
        raise ValueError(f"{text!r} is not an origin such as https://example.org")
    return text


def _rate_limit(text: str) -> str:
    if not re.fullmatch(r"[1-9][0-9]{0,8}/(second|minute|hour|day)", text):
        raise ValueError(f"{text!r} is not a rate such as 600/minute, per second, hour or day")
    return text


def _public_key(text: str) -> str:
    try:
        public_key_bytes(text)
    except SignatureError as exc:
        raise ValueError(str(exc)) from None
    return text


def _named(value: object) -> object:
    listed = _listed(value)
    if not isinstance(listed, list | tuple):
        return listed
    return [{"model": item} if isinstance(item, str) else item for item in listed]


NameList = Annotated[tuple[str, ...], NoDecode, BeforeValidator(_listed)]
ServedModelList = Annotated[tuple[ServedModel, ...], NoDecode, BeforeValidator(_named)]
OriginList = Annotated[
    tuple[Annotated[str, AfterValidator(_origin)], ...], NoDecode, BeforeValidator(_listed)
]
LogFormat = Annotated[Literal["auto", "json", "console"], BeforeValidator(_lower)]
LogLevel = Annotated[Literal["debug", "info", "warning", "error"], BeforeValidator(_lower)]
PublicKey = Annotated[str, AfterValidator(_public_key)]
RateLimit = Annotated[
    str,
    BeforeValidator(_lower),
    AfterValidator(_rate_limit),
]
Gigabytes = Annotated[float, Field(ge=0, allow_inf_nan=False)]


class Settings(BaseSettings):
    """Every setting. A field `port` is the environment variable `PORT`."""

    model_config = SettingsConfigDict(
        env_file=".env",
        env_file_encoding="utf-8",
        env_ignore_empty=True,
        extra="ignore",
        frozen=True,
        hide_input_in_errors=True,
    )

    host: str = Field("127.0.0.1", description="Address to listen on; 0.0.0.0 is every one.")
    port: int = Field(8000, ge=0, le=65535, description="Port, 0 to 65535; 0 takes a free one.")
    workers: int = Field(1, ge=1, le=64, description="Server processes, 1 to 64.")
    log_format: LogFormat = Field(
        "auto", description="json, console, or auto: console lines on a terminal, else JSON lines."
    )
    log_level: LogLevel = Field(
        "info", description="Least serious lines to log: debug, info, warning or error."
    )
    registry_root: Path = Field(DEFAULT_ROOT, description="Folder of the artifact store.")
    demo_root: Path = Field(DEMO_ROOT, description="Folder of the built demo page.")
    artifact_public_key: PublicKey | None = Field(
        None,
        description="Public key, 32 bytes in base64, by which every served artifact must be signed "
        "(`python -m export keygen`, `sign`); empty: signatures are not asked for.",
    )
    default_model: str = Field(
        "lexical-tiny", description="Model (id or id@version) of a request that names none."
    )
    available_models: ServedModelList = Field(
        (),
        description="Models to serve, id or id@version, as a comma list or a JSON list; * is every "
        "one, and so is an empty list. An object adds a model or overrides where it runs: "
        '{"model", "folder", "preferred_backend", "fallback_backends"}.',
    )
    model_variants: NameList = Field(
        (),
        description="Variants that answer for their models, such as minilm-small+int8_token, as a "
        "comma list or a JSON list.",
    )
    default_inference_backend: Backend = Field(
        Backend.LOCAL,
        description="Backend to try last when a model names neither it nor a working one: "
        "local, modal or client_side.",
    )
    allow_client_side_inference: bool = Field(
        True, description="Delegate to callers that can run a model themselves: true or false."
    )
    allow_modal_inference: bool = Field(
        True, description="Send texts to Modal once it is configured: true or false."
    )
    vps_cpu_memory_gb: Gigabytes | None = Field(
        None,
        description="Memory that loaded models may take together, in GB (10^9 bytes, 0 or more), "
        "an equal share for each worker; the least recently used is given up for another; empty: "
        "no limit.",
    )
    vps_gpu_memory_gb: Gigabytes | None = Field(
        None,
        description="The same on the GPU (0 or more; 0 keeps models off the GPU); empty: no limit.",
    )
    min_text_length: int = Field(
        1, ge=0, description="Shortest text taken, in characters (0 or more)."
    )
    max_text_length: int = Field(
        100_000, ge=1, description="Longest text taken, in characters (1 or more)."
    )
    max_batch_items: int = Field(
        128, ge=1, description="Most texts in one batch request (1 or more)."
    )
    max_body_bytes: int = Field(
        16_000_000, ge=1024, description="Largest request body, in bytes (1024 or more)."
    )
    header_timeout_s: float = Field(
        10,
        gt=0,
        allow_inf_nan=False,
        description="Longest that the head of a request may take to come, in seconds; 408 after.",
    )
    body_timeout_s: float = Field(
        30,
        gt=0,
        allow_inf_nan=False,
        description="Longest that the body of a request may take to come, in seconds; 408 after.",
    )
    max_connections: int = Field(
        800,
        ge=1,
        description="Most open connections of a process (1 or more); for one more, the one idle "
        "for longest is closed, and where none is idle, the new one is answered 503.",
    )
    request_timeout_ms: int = Field(
        60_000,
        ge=1,
        description="Longest that a request may take, in milliseconds; X-Request-Timeout-Ms of a "
        "request may ask for less.",
    )
    attempt_timeout_ms: int = Field(
        30_000,
        ge=1,
        description="Longest that a backend may take, in milliseconds, where another one could be "
        "tried after it.",
    )
    breaker_failure_rate: float = Field(
        0.5,
        gt=0,
        le=1,
        description="A backend that fails on this share of its last 20 calls for a model, and at "
        "least 5, is passed over (above 0, to 1).",
    )
    breaker_open_s: float = Field(
        10,
        gt=0,
        allow_inf_nan=False,
        description="Seconds until a backend that was passed over gets a call again.",
    )
    preload_models: NameList = Field(
        (),
        description="Models, id or id@version, that are in memory and have answered once before "
        "the server is ready, beside the default one; a comma list or a JSON list.",
    )
    admin_key: SecretStr | None = Field(
        None,
        min_length=16,
        description="Key of the /admin routes, 16 characters or more; empty: they are off.",
    )
    api_keys: str | None = Field(
        None,
        min_length=1,
        description="Where the API keys are that callers need: a file, or redis (REDIS_URL); "
        "`python -m runtime_server keys` manages them; empty: nobody needs one.",
    )
    rate_limit: RateLimit | None = Field(
        None,
        description="Texts that a key, or an address without one, may have judged, such as "
        "600/minute (per second, minute, hour or day); empty: no limit.",
    )
    forwarded_allow_ips: str = Field(
        "127.0.0.1",
        description="Proxies (addresses or networks, comma list; * is any) that are believed when "
        "they tell a caller's address and scheme in X-Forwarded-For and -Proto.",
    )
    shutdown_drain_s: float = Field(
        0,
        ge=0,
        le=600,
        description="Seconds from SIGTERM, when /readyz begins to answer 503, until nothing new is "
        "taken: for a load balancer to see it, 0 to 600.",
    )
    vps_usd_per_hour: float | None = Field(
        None,
        ge=0,
        allow_inf_nan=False,
        description="Price of this machine, in US dollars per hour, for the costs that "
        "GET /backends tells; empty: it tells none.",
    )
    latency_record: Path = Field(
        LATENCY_RECORD,
        description="File of `python -m benchmarks.expected_latency`, for the latencies that "
        "GET /backends tells before it has observed its own.",
    )
    batch_rows: int = Field(
        RUN_ROWS,
        ge=1,
        le=RUN_ROWS,
        description=f"Most texts or windows in a batch, 1 to {RUN_ROWS}.",
    )
    batch_tokens: int = Field(
        256,
        ge=1,
        le=RUN_TOKENS,
        description=f"Most tokens in a batch, padding included, 1 to {RUN_TOKENS}; a longer window "
        "runs alone.",
    )
    cuda_batch_rows: int = Field(
        64, ge=1, le=1024, description="BATCH_ROWS of models that run on a GPU, 1 to 1024."
    )
    cuda_batch_tokens: int = Field(
        8192, ge=1, description="BATCH_TOKENS of models that run on a GPU (1 or more)."
    )
    batch_waste: float = Field(
        WASTE,
        ge=1,
        allow_inf_nan=False,
        description="Most tokens with padding for each one without (1 or more).",
    )
    batch_window: int = Field(
        WINDOW, ge=1, le=1024, description="Waiting rows that a batch is chosen from, 1 to 1024."
    )
    max_queued_tokens: int = Field(
        100_000,
        ge=1,
        description="Most tokens that wait for one model; beyond, a request is answered 503 "
        "overloaded at once.",
    )
    cors_origins: OriginList = Field(
        (),
        description="Origins whose pages may call predict, as https://a.example, comma list "
        "or JSON list; * is any. Downloads are open to all.",
    )

    modal_token_id: SecretStr | None = Field(
        None,
        description="Modal token; empty: the one that `modal token set` has stored, if there is "
        "one. Without a token Modal is not configured.",
    )
    modal_token_secret: SecretStr | None = Field(None, description="Its secret.")
    modal_app_name: str = Field("samegraph", min_length=1, description="App on Modal.")
    modal_volume: str = Field(
        "samegraph-artifacts", min_length=1, description="Modal Volume that holds the artifacts."
    )
    modal_gpu: Annotated[str, AfterValidator(_gpu)] = Field(
        "L4", min_length=1, description="GPU of a container, such as T4, L4 or H100; none: no GPU."
    )
    modal_min_containers: int = Field(
        0, ge=0, le=100, description="Containers per model that are always up, and paid, 0 to 100."
    )
    modal_max_containers: int = Field(
        2, ge=1, le=1000, description="Most containers per model, 1 to 1000."
    )
    modal_idle_s: int = Field(
        120,
        ge=2,
        le=3600,
        description="Seconds that a container without work stays up, and is paid, 2 to 3600.",
    )
    modal_timeout_s: int = Field(
        300, ge=1, le=86_400, description="Longest call of a container, in seconds, 1 to 86400."
    )
    modal_start_timeout_s: int = Field(
        600, ge=1, le=86_400, description="Longest start of a container, in seconds, 1 to 86400."
    )
    modal_expected_start_s: float = Field(
        30,
        ge=0,
        allow_inf_nan=False,
        description="Seconds that a start is expected to take until one has been observed.",
    )
    modal_batch_texts: int = Field(
        64, ge=1, le=1024, description="Most texts in one call of a container, 1 to 1024."
    )
    modal_usd_per_hour: float | None = Field(
        None,
        ge=0,
        allow_inf_nan=False,
        description="Price of a container that is up, in US dollars per hour; empty: Modal's list "
        "price of MODAL_GPU.",
    )
    modal_daily_budget_usd: float | None = Field(
        None,
        ge=0,
        allow_inf_nan=False,
        description="US dollars a day (UTC) after which Modal gets no more calls; empty: no limit.",
    )
    modal_cache_entries: int = Field(
        10_000, ge=0, description="Results of Modal that are remembered (0 or more; 0: none)."
    )
    modal_cache_ttl_s: int = Field(
        86_400, ge=1, description="Seconds that a result is remembered (1 or more)."
    )
    redis_url: SecretStr | None = Field(
        None,
        description="Redis that counts texts of callers, and remembers results of Modal and what "
        "was spent, for all processes, as redis://host:6379/0; empty: each process for itself.",
    )

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if self.min_text_length > self.max_text_length:
            raise ValueError(
                f"MIN_TEXT_LENGTH is {self.min_text_length}, which is above MAX_TEXT_LENGTH, "
                f"{self.max_text_length}"
            )
        return self


def load_settings(**overrides: object) -> Settings:
    """The settings of this process; overrides that are None do not count.

    Raises:
        SettingsError: a variable has a value that cannot be used; the message names it.
    """
    given = {name: value for name, value in overrides.items() if value is not None}
    try:
        return Settings(**given)  # type: ignore[arg-type]  # pydantic checks each by its name
    except ValidationError as exc:
        raise SettingsError("; ".join(_explained(exc))) from None
    except UnicodeDecodeError as exc:
        raise SettingsError(f".env is not UTF-8 at byte {exc.start}") from None


def _explained(error: ValidationError) -> Iterator[str]:
    seen: set[str] = set()
    for entry in error.errors(include_url=False):
        message = entry["msg"].removeprefix("Value error, ")
        name = str(entry["loc"][0]) if entry["loc"] else ""
        if name in seen:
            continue
        seen.add(name)
        field = Settings.model_fields.get(name)
        meaning = f" ({field.description})" if field else ""
        yield f"{name.upper()}: {message}{meaning}" if name else message
