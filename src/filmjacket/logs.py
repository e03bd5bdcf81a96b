"""Logging: one line per event, as JSON or for people, never with patient data.

Lines name requests, sizes, times and UIDs. What could tell who a patient is does not get in: search values
travel in query strings, so these are cut off, and fields named like attributes of a patient are masked. This
is the second line of defence; the first is that nobody logs values of a data set.
"""

from __future__ import annotations

import logging
import re
import sys
import warnings
from functools import lru_cache
from typing import TYPE_CHECKING, Any, cast

import orjson
import structlog

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import TextIO

    from structlog.typing import EventDict, Processor, WrappedLogger

MASK = "[redacted]"

SENSITIVE = frozenset(
    {
        "accession",
        "attributes",
        "dataset",
        "document",
        "metadata",
        "query",
        "querystring",
        "birthdate",
        "referringphysician",
        "referer",
    }
)
"""Field names that are always masked, in lower case without separators."""

SENSITIVE_PART = re.compile(r"patient|physician|birth|accessionnumber|authorization|cookie|password|secret|token")
TAG = re.compile(r"(0008(0050|0090|1048|1050|1060|1070)|0010[0-9a-f]{4}|0032103[23]|00401001)")
"""Attributes that identify people, as DICOM JSON spells them (PS3.15 Table E.1-1)."""

ADDRESS = re.compile(r"(?P<path>(?:[a-z][a-z0-9+.-]*:/)?/[^\s?\"']*)\?[^\s\"']*", re.IGNORECASE)
"""A path or URL with a query string, anywhere in a text."""

QUIET = {"pydicom": logging.CRITICAL, "sqlalchemy": logging.WARNING, "alembic": logging.WARNING}
"""Libraries whose messages may quote values of data sets or statements, or are of no use at info level."""


def redact(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    """Processor that masks fields which may hold patient data, at any depth, and cuts query strings off."""
    return _mask_mapping(event)


def configure_logging(*, level: str = "info", output: str = "auto", stream: TextIO | None = None) -> None:
    """Send the program's own log lines and those of libraries to `stream` (standard error) in one shape.

    `output` is "json", "console" or "auto": console when the stream is a terminal. Tracebacks never show
    local variables, which could hold a data set.
    """
    target = cast("TextIO", _StandardError()) if stream is None else stream
    as_json = output == "json" or (output == "auto" and not target.isatty())
    least = logging.getLevelNamesMapping()[level.upper()]
    shared: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.StackInfoRenderer(),
    ]
    if as_json:
        shared.append(structlog.processors.format_exc_info)
    ending: list[Processor] = [redact, _renderer(as_json=as_json, colors=target.isatty())]
    # Our own lines do not pass through the logging module: that costs twice as much for each request.
    structlog.configure(
        processors=[*shared, *ending],
        wrapper_class=structlog.make_filtering_bound_logger(least),
        logger_factory=structlog.WriteLoggerFactory(file=target),
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(target)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=[structlog.stdlib.add_logger_name, *shared],
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *ending],
        )
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(least)
    for name, quiet in QUIET.items():
        logging.getLogger(name).setLevel(max(least, quiet))
    warnings.filterwarnings("ignore", module="pydicom")
    logging.captureWarnings(capture=True)


class _StandardError:
    """Standard error as it is at the moment: loggers are kept, while embedders and test runners put others there."""

    def write(self, text: str) -> int:
        """Write a text."""
        return sys.stderr.write(text)

    def flush(self) -> None:
        """Hand on what was written."""
        sys.stderr.flush()

    def isatty(self) -> bool:
        """Return whether a person looks at it."""
        return sys.stderr.isatty()


def _renderer(*, as_json: bool, colors: bool) -> Processor:
    if as_json:
        return structlog.processors.JSONRenderer(serializer=_dump)
    return structlog.dev.ConsoleRenderer(
        colors=colors, exception_formatter=structlog.dev.plain_traceback, pad_event_to=0
    )


def _dump(event: EventDict, **_: object) -> str:
    return orjson.dumps(event, default=str, option=orjson.OPT_NON_STR_KEYS).decode()


def _mask_mapping(fields: Mapping[str, Any]) -> dict[str, Any]:
    return {name: MASK if _is_sensitive(str(name)) else _mask_value(value) for name, value in fields.items()}


def _mask_value(value: object) -> object:
    if isinstance(value, str):
        return ADDRESS.sub(r"\g<path>?…", value) if "?" in value else value
    if isinstance(value, dict):
        return _mask_mapping(cast("dict[str, Any]", value))
    if isinstance(value, list | tuple):
        return [_mask_value(item) for item in cast("list[object]", value)]
    return value


@lru_cache(maxsize=1024)
def _is_sensitive(name: str) -> bool:
    plain = name.lower().replace("_", "").replace("-", "").replace(" ", "")
    return plain in SENSITIVE or bool(SENSITIVE_PART.search(plain)) or bool(TAG.fullmatch(plain))
