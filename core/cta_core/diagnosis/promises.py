"""What a contract says about single paths: named or not, required, types, labels, constants.

Reads the JSON Schema's own words (properties, items, $ref, allOf, anyOf/oneOf as unions) so that the analysis knows
which fields count and which values are allowed. Whether an event keeps the contract is the contract's own business.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, TypeGuard

import msgspec

from cta_core.diagnosis.table import escape
from cta_core.path import is_array

Schema = Mapping[str, Any]

MAX_DEPTH = 40
"""Schemas that refer to themselves are followed this deep; no event of ours is deeper where it matters."""


class Promise(msgspec.Struct, frozen=True, kw_only=True):
    """What the contract says about one path."""

    path: str
    required: bool = False
    types: frozenset[str] = frozenset()
    """Allowed JSON types; empty means any."""
    labels: tuple[Any, ...] = ()
    """Allowed values; empty means any."""
    constant: Any = None
    """The value of `const` or `default`; None where there is none."""
    has_constant: bool = False
    free: bool = False
    """The schema names no members below: whatever is below counts as part of this field."""
    words: str = ""
    """Title and description."""
    text_format: str = ""
    pattern: str = ""

    @property
    def nullable(self) -> bool:
        """Is null an allowed value?"""
        return not self.types or "null" in self.types


class Promises:
    """All paths that a contract names. Without a contract everything that the healthy events have is named, and
    nothing is said of it.
    """

    def __init__(self, schema: Schema | None) -> None:
        self.schema = schema
        self.by_path: dict[str, Promise] = {}
        if schema is not None:
            self._walk(schema, "", required=True, depth=0)

    def _resolve(self, schema: Any) -> Schema:
        seen = 0
        while _is_schema(schema) and "$ref" in schema and seen < MAX_DEPTH:
            seen += 1
            target: Any = self.schema
            for part in str(schema["$ref"]).lstrip("#").split("/")[1:]:
                target = target.get(part.replace("~1", "/").replace("~0", "~"), {}) if _is_schema(target) else {}
            rest = {key: value for key, value in schema.items() if key != "$ref"}
            schema = {**target, **rest} if _is_schema(target) else rest
        if not _is_schema(schema):
            return {}
        found = schema
        for key in ("allOf", "anyOf", "oneOf"):
            branches = found.get(key)
            if is_array(branches) and branches:
                found = self._merged(found, [self._resolve(branch) for branch in branches], every=key == "allOf")
        return found

    @staticmethod
    def _merged(schema: Schema, branches: list[Schema], *, every: bool) -> Schema:
        merged = dict(schema)
        properties = dict(merged.get("properties", {}))
        types: set[str] = set(_types(merged))
        required = list(merged.get("required", ()))
        for branch in branches:
            for name, below in branch.get("properties", {}).items():
                properties.setdefault(name, below)
            types |= _types(branch)
            if every:
                required += branch.get("required", ())
            for key in ("items", "format", "enum", "const", "pattern"):
                if key in branch and key not in merged and every:
                    merged[key] = branch[key]
            if "items" in branch and "items" not in merged:
                merged["items"] = branch["items"]
        if properties:
            merged["properties"] = properties
        if types:
            merged["type"] = sorted(types)
        if required:
            merged["required"] = required
        return merged

    def _walk(self, raw: Any, path: str, *, required: bool, depth: int) -> None:
        if depth > MAX_DEPTH:
            return
        schema = self._resolve(raw)
        properties = schema.get("properties")
        items = schema.get("items")
        has_constant = "const" in schema or "default" in schema
        labels = schema.get("enum")
        self.by_path[path] = Promise(
            path=path,
            required=required,
            types=frozenset(_types(schema)),
            labels=tuple(labels) if is_array(labels) else (),
            constant=schema.get("const", schema.get("default")),
            has_constant=has_constant,
            free=not properties and not _is_schema(items),
            words=" ".join(str(schema[key]) for key in ("title", "description") if key in schema),
            text_format=str(schema.get("format", "")),
            pattern=str(schema.get("pattern", "")),
        )
        if _is_schema(properties):
            needed = set(schema.get("required", ()))
            for name, below in properties.items():
                self._walk(below, f"{path}/{escape(name)}", required=name in needed, depth=depth + 1)
        if _is_schema(items):
            self._walk(items, path + "/*", required=True, depth=depth + 1)

    def leveled(self, single: Iterable[str], pairs: Iterable[str]) -> Promises:
        """The promises on events whose arrays at `single` are replaced by their only member, and at `pairs` by an
        object.
        """
        if self.schema is None:
            return self
        changed = Promises(None)
        changed.schema = self.schema
        changed.by_path = dict(self.by_path)
        for path in single:
            moved: dict[str, Promise] = {}
            for name, promise in changed.by_path.items():
                if name == path:
                    continue
                inside = name == path + "/*" or name.startswith(path + "/*/")
                place = path + name[len(path) + 2 :] if inside else name
                moved[place] = msgspec.structs.replace(promise, path=place)
            changed.by_path = moved
        for path in pairs:
            changed.by_path = {
                name: promise for name, promise in changed.by_path.items() if not name.startswith(path + "/")
            }
            changed.by_path[path] = Promise(path=path, free=True, required=self.needed(path))
        return changed

    def names(self, path: str) -> bool:
        """Does this path count: is it named, or below a named field whose inside the contract leaves open?"""
        if self.schema is None or path in self.by_path:
            return True
        above = path
        while above:
            above = above[: above.rfind("/")]
            promise = self.by_path.get(above)
            if promise is not None:
                return promise.free and above != ""
        return False

    def of(self, path: str) -> Promise:
        """What is said about a path; an empty promise where nothing is."""
        return self.by_path.get(path) or Promise(path=path)

    def needed(self, path: str) -> bool:
        """Is the field required in its parent?"""
        promise = self.by_path.get(path)
        return promise is not None and promise.required and path != ""


def _is_schema(value: Any) -> TypeGuard[Schema]:
    """Can members be looked up in it? `true` is a schema as well, but says nothing."""
    return isinstance(value, Mapping)


def _types(schema: Schema) -> set[str]:
    kind = schema.get("type")
    if isinstance(kind, str):
        return {kind}
    if is_array(kind):
        return {str(name) for name in kind}
    if "const" in schema:
        return {_json_name(schema["const"])}
    labels = schema.get("enum")
    if is_array(labels):
        return {_json_name(label) for label in labels}
    return set()


def _json_name(value: Any) -> str:
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "boolean"
    if isinstance(value, (int, float)):
        return "integer" if isinstance(value, int) else "number"
    return {"str": "string", "dict": "object", "list": "array"}.get(type(value).__name__, "")
