"""The services and messages of the API, out of the comments of the proto files, and a call of every unary RPC."""

from __future__ import annotations

import json
import re

from pages import text
from pages.callbook import CALLS
from pages.proto import Kind, Rpc, contract
from pages.text import code

ADDRESS = "127.0.0.1:50510"
READS = re.compile(r"Get|List|Watch|Test|Diagnose|Export|Find")


def services() -> str:
    """One table per service."""
    parts = []
    for service in contract().services:
        parts.append(f"### {service.name}\n\n{_flow(service.comment)}\n")
        parts.append(
            text.table(
                ("RPC", "what it does", "fails with", "repeatable"),
                ((code(rpc.name) + (" (streams)" if rpc.streams else ""), *_facts(rpc)) for rpc in service.rpcs),
            )
        )
    return "\n".join(parts)


def calls() -> str:
    """The same calls for buf and for grpcurl."""
    buf = [
        f"buf curl --protocol grpc --http2-prior-knowledge http://{ADDRESS}/{path} -d '{json.dumps(body)}'"
        for path, body in CALLS
    ]
    grpcurl = [f"grpcurl -plaintext -d '{json.dumps(body)}' {ADDRESS} {path}" for path, body in CALLS]
    return (
        "With `buf`:\n\n<!-- run -->\n```sh\n" + "\n".join(buf) + "\n```\n\n"
        "With `grpcurl`:\n\n```sh\n" + "\n".join(grpcurl) + "\n```\n"
    )


def messages() -> str:
    """Every message and enum."""
    return "\n".join(_kind(kind) for kind in contract().kinds)


def _kind(kind: Kind) -> str:
    head = f"### {kind.name}\n\n{_flow(kind.comment)}\n"
    if not kind.fields:
        return head
    if kind.enum:
        return f"{head}\n{text.table(('value', 'meaning'), ((code(f.name), f.comment) for f in kind.fields))}"
    rows = ((code(field.name), field.type, field.comment) for field in kind.fields)
    return f"{head}\n{text.table(('field', 'type', 'meaning'), rows)}"


def _facts(rpc: Rpc) -> tuple[str, str, str]:
    request = {field.name for field in contract().kind(rpc.request).fields}
    if "request_id" in request:
        repeatable = "with `request_id`"
    elif "resume_token" in request:
        repeatable = "resumes"
    elif "expected_revision" in request:
        repeatable = "with `expected_revision`"
    else:
        repeatable = "yes, it reads" if READS.match(rpc.name) else ""
    return rpc.does, rpc.fails, repeatable


def _flow(comment: str) -> str:
    return " ".join(comment.split())
