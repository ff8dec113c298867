"""How the log is written: JSON lines, or lines for people; never a text, nor what may quote one."""

import json
import sys
import traceback
from collections.abc import Mapping, MutableMapping
from datetime import UTC, datetime
from typing import Any, Final, TextIO, cast

import structlog
from structlog.stdlib import ProcessorFormatter
from structlog.typing import EventDict, FilteringBoundLogger, Processor, WrappedLogger

from runtime_server.settings import Settings

_LEVELS: Final[Mapping[str, int]] = {"debug": 10, "info": 20, "warning": 30, "error": 40}
# Made once: json.dumps makes one for each line.
_ENCODER: Final = json.JSONEncoder(default=repr)


def as_json(settings: Settings, stream: TextIO) -> bool:
    """Whether lines are JSON: unless people read them, on a terminal."""
    return settings.log_format == "json" or (settings.log_format == "auto" and not stream.isatty())


def log_config(settings: Settings) -> dict[str, Any]:
    """For logging.config.dictConfig: all loggers, uvicorn's too, write through `formatter`.

    Plain values only, since worker processes get it, too.
    """
    level = settings.log_level.upper()
    # Other packages' debug lines may quote what they were given.
    others = "ERROR" if level == "ERROR" else "WARNING"
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "formatters": {
            "structured": {
                "()": "runtime_server.logs.formatter",
                "json_lines": as_json(settings, sys.stderr),
            },
        },
        "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "structured"}},
        "root": {"handlers": ["stderr"], "level": others},
        "loggers": {
            "runtime_server": {"level": level},
            # What it says about starting and stopping, the start-up message says better.
            "uvicorn": {"level": others},
        },
    }


def formatter(*, json_lines: bool) -> ProcessorFormatter:
    """What makes a line of a record of the logging module."""
    return ProcessorFormatter(
        foreign_pre_chain=[
            structlog.stdlib.add_logger_name,
            structlog.contextvars.merge_contextvars,
            _headed,
        ],
        processors=[ProcessorFormatter.remove_processors_meta, *_rendering(json_lines, sys.stderr)],
    )


def request_logger(settings: Settings, stream: TextIO) -> FilteringBoundLogger:
    """A logger that takes all fields and writes to `stream` itself: half the cost of a record."""
    return cast(
        "FilteringBoundLogger",
        structlog.wrap_logger(
            structlog.WriteLogger(stream),
            processors=[_headed, *_rendering(as_json(settings, stream), stream)],
            wrapper_class=structlog.make_filtering_bound_logger(_LEVELS[settings.log_level]),
            cache_logger_on_first_use=True,
        ),
    )


def _rendering(json_lines: bool, stream: TextIO) -> list[Processor]:
    if json_lines:
        return [_with_stack, structlog.processors.JSONRenderer(_encoded)]
    return [_with_stack_as_text, structlog.dev.ConsoleRenderer(colors=stream.isatty())]


def _headed(_: WrappedLogger, level: str, event: EventDict) -> EventDict:
    """What people look for first comes first."""
    now = datetime.now(UTC).isoformat(timespec="microseconds")
    return {
        "timestamp": now.replace("+00:00", "Z"),
        "level": level,
        "event": event.pop("event"),
        **event,
    }


def _encoded(event: EventDict, **_: object) -> str:
    return _ENCODER.encode(event)


def _with_stack(_: WrappedLogger, __: str, event: EventDict) -> EventDict:
    """Types and places of an exception and its causes: messages may quote the text."""
    if (error := _taken_error(event)) is not None:
        event["exception"] = [
            {
                "type": type(one).__qualname__,
                "frames": [
                    f"{frame.filename}:{frame.lineno} {frame.name}"
                    for frame in traceback.extract_tb(one.__traceback__)
                ],
            }
            for one in _with_causes(error)
        ]
    return event


def _with_stack_as_text(logger: WrappedLogger, name: str, event: EventDict) -> EventDict:
    """The same for people."""
    stacks = _with_stack(logger, name, event).get("exception")
    if stacks:
        event["exception"] = "\n".join(
            line
            for stack in stacks
            for line in (stack["type"], *(f"  {f}" for f in stack["frames"]))
        )
    return event


def _taken_error(event: MutableMapping[str, Any]) -> BaseException | None:
    given = event.pop("exc_info", None)
    error = given[1] if isinstance(given, tuple) else given
    if not isinstance(error, BaseException):
        return None
    # asyncio's and uvicorn's messages go on, and may repeat the exception's.
    event["event"] = str(event["event"]).partition("\n")[0]
    return error


def _with_causes(error: BaseException) -> list[BaseException]:
    found: list[BaseException] = []
    following: BaseException | None = error
    while following is not None and following not in found:
        found.append(following)
        hidden = following.__suppress_context__
        following = following.__cause__ or (None if hidden else following.__context__)
    return found
