"""The masker: an event's copy as it may be stored and shown. Compiled once per stream; its copies are new events.

Masked fields are put in disguise or left out. Members that the contract does not know are put in disguise as well: a
producer that renames a field takes its values along. Without a contract nothing says which members are new, and only
the named fields are masked. What cannot be read as an event has no copy. It decides what a copy holds, not who gets
one: the runtime asks it wherever an event is kept or shown.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, Final

from cta_core.contract import Contract
from cta_core.errors import EventRefused
from cta_core.event import DEFAULT_LIMITS, EventLimits, decode, encode
from cta_core.path import EVERY, Parts, is_array, is_object, key_of, parse
from cta_core.privacy.disguise import Disguise
from cta_core.privacy.mask import Mask, Method

HIDDEN: Final = "the message is hidden, because the stream masks fields"
"""What is kept of a message that may quote values."""


class _Node:
    """What is done at a place of an event."""

    __slots__ = ("items", "keys", "method", "opaque")

    def __init__(self) -> None:
        self.keys: dict[str, _Node] = {}
        self.items: _Node | None = None
        self.method: Method | None = None
        self.opaque = False
        """The contract knows the place as a leaf: a scalar there is known, what lies below is not."""

    def at(self, parts: Parts) -> _Node:
        """The place that the parts lead to; made where it is not there."""
        node = self
        for part in parts:
            if part == EVERY:
                node.items = node.items or _Node()
                node = node.items
            else:
                node = node.keys.setdefault(key_of(part), _Node())
        return node


class Masker:
    """Makes copies of the events of one stream. Safe to share between threads."""

    def __init__(
        self,
        masks: Sequence[Mask],
        contract: Contract | None,
        key: bytes,
        limits: EventLimits = DEFAULT_LIMITS,
        *,
        known: Iterable[str] = (),
    ) -> None:
        """`known` are fields that are treated as if the contract knew them."""
        self.masks = tuple(masks)
        self._contract, self._key = contract, key
        self.disguise = Disguise(key)
        self._limits = limits
        self._strict = contract is not None
        self._root = _Node()
        self._words: frozenset[str] = frozenset()
        paths = [*(field.path for field in contract.fields()), *known] if contract is not None else []
        for path in paths:
            self._root.at(parse(path)).opaque = True
        self._words = frozenset(part for path in paths for part in parse(path))
        for mask in masks:
            self._root.at(parse(mask.path)).method = mask.method

    def knowing(self, known: Iterable[str]) -> Masker:
        """The masker that treats more fields as if the contract knew them."""
        return Masker(self.masks, self._contract, self._key, self._limits, known=known)

    def event(self, event: dict[str, Any]) -> dict[str, Any]:
        """The copy of a decoded event."""
        copy: dict[str, Any] = self._copy(event, self._root)
        return copy

    def raw(self, raw: bytes) -> bytes:
        """The copy of an event as bytes; empty for what is no event."""
        try:
            return encode(self.event(decode(raw, self._limits)))
        except EventRefused:
            return b""

    def json_text(self, text: str) -> str:
        """The copy of a JSON text: an event, or anything else that has to be hidden whole."""
        if not text:
            return text
        return self.raw(text.encode("utf-8", "replace")).decode()

    def hidden(self, value: Any) -> Any:
        """Any JSON value with all its leaves in disguise."""
        if is_object(value):
            return {key: self.hidden(inner) for key, inner in value.items()}
        if is_array(value):
            return [self.hidden(inner) for inner in value]
        return self.disguise.value(value)

    def message(self, text: str) -> str:
        """What is kept of a message that somebody's code wrote: it may quote values.

        A message of field names alone, as a missing key makes it, is kept.
        """
        word = text.strip("'\"` ")
        return text if not word or word in self._words else HIDDEN

    def _copy(self, value: Any, node: _Node) -> Any:
        if is_object(value):
            return self._object(value, node)
        if is_array(value):
            if node.items is None:
                return self.hidden(value) if self._strict else value
            items = node.items
            if items.method is not None:
                return [] if items.method is Method.DROP else [self.hidden(inner) for inner in value]
            return [self._copy(inner, items) for inner in value]
        # A scalar where the contract knows an object or an array: what is in it came from somewhere else.
        return self.disguise.value(value) if self._strict and not node.opaque else value

    def _object(self, value: dict[str, Any], node: _Node) -> dict[str, Any]:
        copy: dict[str, Any] = {}
        for key, inner in value.items():
            below = node.keys.get(key)
            if below is None:
                copy[key] = self.hidden(inner) if self._strict else inner
            elif below.method is None:
                copy[key] = self._copy(inner, below)
            elif below.method is Method.HASH:
                copy[key] = self.hidden(inner)
        return copy
