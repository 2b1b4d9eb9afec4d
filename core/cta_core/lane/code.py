"""The code of a lane: one function that decodes, changes, checks, puts together and encodes an event.

It is generated, because calls between closures cost as much as the work itself. Its text is made of names that this
module gives (`e.f3.f0`, `c1`, `T2`) and of nothing that comes from an adapter, a contract or an event: keys, constants
and changes are objects in its namespace.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec
from msgspec import UNSET

from cta_core.contract.fast import Checked, checks_of, is_bounded
from cta_core.contract.shape import Shape
from cta_core.errors import EventRefused
from cta_core.event import is_shallow
from cta_core.lane.drifted import Drifted
from cta_core.lane.route import Keys, Routes

Heal = Callable[[bytes, int], bytes | None]
"""Bytes of an event and the greatest depth to the healed bytes, or None when the event is not for the lane."""


def compile_lane(shape: Shape, routes: Routes) -> Heal:
    """The function of a lane."""
    drifted = Drifted(shape, routes)
    names: dict[str, Any] = {
        "decode": msgspec.json.Decoder(drifted.struct).decode,
        "encode": msgspec.json.Encoder().encode,
        "is_shallow": is_shallow,
        "refusals": (ValueError, EventRefused, RecursionError),
        "UNSET": UNSET,
    }
    lines = [
        "def heal(raw, max_depth):",
        " try:",
        "  e = decode(raw)",
        *_changes(drifted, names),
        " except refusals:",
        "  return None",
        *_checks(drifted, shape, names),
    ]
    if not is_bounded(drifted.struct):
        lines.append(" if not is_shallow(raw, max_depth): return None")
    lines += [f" {_attribute(change.names)} = v{index}" for index, change in enumerate(drifted.changes())]
    lines += [
        " try:",
        f"  return encode({_object((), shape, routes, drifted, names)})",
        " except refusals:",
        "  return None",
    ]
    exec(compile("\n".join(lines), "<lane>", "exec"), names)  # noqa: S102 - only names of this module, see above
    heal: Heal = names["heal"]
    return heal


def _attribute(names: tuple[str, ...]) -> str:
    return ".".join(("e", *names))


def _changes(drifted: Drifted, names: dict[str, Any]) -> list[str]:
    """The changed values as v0, v1, ..."""
    lines: list[str] = []
    for index, change in enumerate(drifted.changes()):
        names[f"c{index}"], names[f"k{index}"] = change.change, change.constant
        value = _attribute(change.names)
        absent = "" if change.sure else f"k{index} if {value} is UNSET else "
        lines.append(f"  v{index} = {absent}c{index}({value})")
    return lines


def _checks(drifted: Drifted, shape: Shape, names: dict[str, Any]) -> list[str]:
    """What the types leave open: all values that are surely there in one call, the others one by one."""
    lines: list[str] = []
    surely: list[tuple[str, dict[str, Any]]] = []
    others: list[Checked] = []
    for index, change in enumerate(drifted.changes()):
        if change.sure:
            surely.append((f"v{index}", change.schema))
        else:
            names[f"h{index}"] = shape.validator(change.schema)
            lines.append(f" if v{index} is not UNSET and not h{index}(v{index}): return None")
    for checked in drifted.checked():
        if checked.surely:
            surely.append((_attribute(checked.names), checked.schema))
        else:
            others.append(checked)
    for index, check in enumerate(checks_of(shape, others)):
        names[f"o{index}"] = check
        lines.append(f" if not o{index}(e): return None")
    if surely:
        names["holds"] = shape.validator({"prefixItems": [schema for _, schema in surely]})
        lines.append(f" if not holds(({', '.join(value for value, _ in surely)},)): return None")
    return lines


def _object(place: Keys, shape: Shape, routes: Routes, drifted: Drifted, names: dict[str, Any]) -> str:
    """The expression for an object of the healthy event: taken over whole, or built from the drifted event's fields."""
    if drifted.same(place, shape):
        return _attribute(drifted.names(place))
    by_target = {route.target: route for route in routes.routes}
    values: dict[str, str] = {}
    constants: dict[str, Any] = {}
    for key, member in shape.members.items():
        below = (*place, key)
        if isinstance(member.content, Shape):
            values[key] = _object(below, member.content, routes, drifted, names)
        elif by_target[below].absent:
            constants[key] = by_target[below].constant
        else:
            values[key] = _attribute(drifted.names(by_target[below].source))
    name = f"T{len(names)}"
    names[name] = _struct(tuple(values), constants)
    return f"{name}({', '.join(values.values())})"


def _struct(keys: tuple[str, ...], constants: dict[str, Any]) -> type[msgspec.Struct]:
    """The struct of a built object: its values in order, then the constants as defaults."""
    fields: list[Any] = [(f"f{index}", Any) for index in range(len(keys))]
    fields += [(f"f{len(keys) + index}", Any, value) for index, value in enumerate(constants.values())]
    rename = {f"f{index}": key for index, key in enumerate((*keys, *constants))}
    return msgspec.defstruct("Healthy", fields, rename=rename, gc=False)
