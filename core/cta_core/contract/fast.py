"""The fast accept of a contract: bytes are decoded straight into msgspec types, which validate while they decode."""

from __future__ import annotations

from typing import Any

import msgspec


class FastAccept:
    """Accepts bytes that are surely a healthy event; a refusal says nothing."""

    def __init__(self, decoder: msgspec.json.Decoder[Any]) -> None:
        self._decode = decoder.decode

    def accepts(self, raw: bytes) -> bool:
        """Whether the bytes are surely a healthy event."""
        try:
            self._decode(raw)
        except (ValueError, RecursionError):
            return False
        return True


def compile_fast(schema: dict[str, Any]) -> FastAccept | None:
    """The fast accept of a schema, None where its keywords are not understood."""
    return FastAccept(msgspec.json.Decoder(dict[str, Any])) if schema.keys() <= {"$schema", "type", "title"} else None
