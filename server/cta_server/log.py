"""The log: structlog on standard error, one line per event, JSON unless a person looks at it.

Ids that are bound for a call (`rpc`, `peer`, `request_id`) stand in every line that the call causes. What libraries
write through the standard library's logging comes out in the same form. Called once, by `app`.
"""

from __future__ import annotations

import logging
import sys
from typing import Final, TextIO

import structlog
from structlog.typing import Processor

_LEVELS: Final = {
    "debug": logging.DEBUG,
    "info": logging.INFO,
    "warning": logging.WARNING,
    "error": logging.ERROR,
}


def configure(level: str = "info", form: str = "auto", stream: TextIO | None = None) -> None:
    """Sets the log up: `log.level` and `log.format` of the configuration; `stream` is standard error unless it is
    given.
    """
    out = stream if stream is not None else sys.stderr
    least = _LEVELS[level]
    shared: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    finish = _readable(out) if _for_people(form, out) else _as_json()
    structlog.configure(
        processors=[*shared, *finish],
        wrapper_class=structlog.make_filtering_bound_logger(least),
        logger_factory=structlog.WriteLoggerFactory(file=out),
        # Modules get their loggers at import, before this; they must see what is configured later, also in tests.
        cache_logger_on_first_use=False,
    )
    handler = logging.StreamHandler(out)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=[*shared, structlog.stdlib.add_logger_name],
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *finish],
        )
    )
    logging.basicConfig(level=max(least, logging.WARNING), handlers=[handler], force=True)


def _for_people(form: str, out: TextIO) -> bool:
    return form == "text" or (form == "auto" and out.isatty())


def _readable(out: TextIO) -> list[Processor]:
    return [structlog.dev.ConsoleRenderer(colors=out.isatty(), exception_formatter=structlog.dev.plain_traceback)]


def _as_json() -> list[Processor]:
    # A traceback without the values of variables: payloads do not belong into a log.
    frames = structlog.tracebacks.ExceptionDictTransformer(show_locals=False)
    return [structlog.processors.ExceptionRenderer(frames), structlog.processors.JSONRenderer()]
