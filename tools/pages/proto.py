"""The proto files with their comments, as `buf build` reads them: services, messages and enums of `cta.v1`."""

from __future__ import annotations

import functools
import re
import subprocess
import sys
from pathlib import Path

import msgspec
from google.protobuf.descriptor_pb2 import (
    DescriptorProto,
    EnumDescriptorProto,
    FieldDescriptorProto,
    FileDescriptorProto,
    FileDescriptorSet,
)

ROOT = Path(__file__).resolve().parents[2]
FAILS = re.compile(r"Fails with (?:with )?(.*?)\.(?= [A-Z]|$)|Until this version has it: (.*?)\.(?= [A-Z]|$)")
"""The sentence of a comment that names codes and reasons."""
KINDS = {
    FieldDescriptorProto.TYPE_DOUBLE: "number",
    FieldDescriptorProto.TYPE_INT64: "int64",
    FieldDescriptorProto.TYPE_INT32: "int32",
    FieldDescriptorProto.TYPE_BOOL: "bool",
    FieldDescriptorProto.TYPE_STRING: "text",
    FieldDescriptorProto.TYPE_BYTES: "bytes",
}


class Field(msgspec.Struct, frozen=True):
    """A field of a message, or a value of an enum, which has no type."""

    name: str
    type: str
    comment: str


class Kind(msgspec.Struct, frozen=True):
    """A message or an enum."""

    name: str
    comment: str
    fields: tuple[Field, ...]
    enum: bool


class Rpc(msgspec.Struct, frozen=True):
    """One RPC."""

    service: str
    name: str
    comment: str
    """Paragraphs, with a blank line between them."""
    request: str
    response: str
    streams: bool

    @property
    def path(self) -> str:
        """As gRPC names it."""
        return f"cta.v1.{self.service}/{self.name}"

    @property
    def does(self) -> str:
        """What it does, without how it fails."""
        return " ".join(FAILS.sub("", self._flow()).split())

    @property
    def fails(self) -> str:
        """How it fails, as codes with their reasons."""
        return "; ".join(found.strip() for pair in FAILS.findall(self._flow()) for found in pair if found)

    def _flow(self) -> str:
        return " ".join(self.comment.split())


class Service(msgspec.Struct, frozen=True):
    """A service and its RPCs, in the order of the file."""

    name: str
    comment: str
    rpcs: tuple[Rpc, ...]


class Contract(msgspec.Struct, frozen=True):
    """All of `cta.v1`."""

    services: tuple[Service, ...]
    kinds: tuple[Kind, ...]

    def kind(self, name: str) -> Kind:
        """A message or enum by its name."""
        return next(kind for kind in self.kinds if kind.name == name)


@functools.cache
def contract() -> Contract:
    """The contract as the proto files say it."""
    buf = Path(sys.executable).with_name("buf")
    built = subprocess.run(  # the tool of the development environment, on our own files
        [str(buf) if buf.exists() else "buf", "build", "-o", "-#format=binpb"],
        cwd=ROOT,
        capture_output=True,
        check=True,
    )
    services: list[Service] = []
    kinds: list[Kind] = []
    for file in FileDescriptorSet.FromString(built.stdout).file:
        if file.package == "cta.v1":
            services += _services(file)
            kinds += _kinds(file)
    return Contract(tuple(sorted(services, key=lambda s: s.name)), tuple(sorted(kinds, key=lambda k: k.name)))


def _comments(file: FileDescriptorProto) -> dict[tuple[int, ...], str]:
    return {
        tuple(place.path): "\n".join(line.strip() for line in place.leading_comments.strip().splitlines())
        for place in file.source_code_info.location
    }


def _services(file: FileDescriptorProto) -> list[Service]:
    comments = _comments(file)
    return [
        Service(
            service.name,
            comments[6, index],
            tuple(
                Rpc(
                    service.name,
                    method.name,
                    comments[6, index, 2, number],
                    method.input_type.rpartition(".")[2],
                    method.output_type.rpartition(".")[2],
                    method.server_streaming,
                )
                for number, method in enumerate(service.method)
            ),
        )
        for index, service in enumerate(file.service)
    ]


def _kinds(file: FileDescriptorProto) -> list[Kind]:
    comments = _comments(file)
    messages = [_message(message, comments, (4, index)) for index, message in enumerate(file.message_type)]
    enums = [_enum(enum, comments, (5, index)) for index, enum in enumerate(file.enum_type)]
    return messages + enums


def _message(message: DescriptorProto, comments: dict[tuple[int, ...], str], at: tuple[int, ...]) -> Kind:
    fields = tuple(
        Field(field.name, _type(message, field), comments.get((*at, 2, index), ""))
        for index, field in enumerate(message.field)
    )
    return Kind(message.name, comments[at], fields, enum=False)


def _enum(enum: EnumDescriptorProto, comments: dict[tuple[int, ...], str], at: tuple[int, ...]) -> Kind:
    fields = tuple(Field(value.name, "", comments.get((*at, 2, index), "")) for index, value in enumerate(enum.value))
    return Kind(enum.name, comments[at], fields, enum=True)


def _type(message: DescriptorProto, field: FieldDescriptorProto) -> str:
    named = field.type_name.lstrip(".")
    word = KINDS.get(field.type) or named.removeprefix("cta.v1.").removeprefix("google.protobuf.")
    if field.label == FieldDescriptorProto.LABEL_REPEATED:
        return f"list of {word}"
    if field.proto3_optional:
        return f"{word}, optional"
    if field.HasField("oneof_index"):
        return f"{word}, one of `{message.oneof_decl[field.oneof_index].name}`"
    return word
