"""Every key of the configuration, with its default and what it means.

Data only: `loading` fills it, `reference` turns the docstrings below into the table of the documentation, and `app`
hands each section to the part that it is for.
"""

from __future__ import annotations

from collections.abc import Iterator
from enum import StrEnum
from typing import Final

import msgspec

from cta_core.errors import Violation
from cta_core.stream import Policy
from cta_server.config.address import is_address
from cta_server.config.webhooks import NotifySettings


class ServerSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Where and how the server listens."""

    host: str = "127.0.0.1"
    """Address to listen on. The default is reached from this machine only; on any other address set `token`, and TLS
    or a proxy that ends it."""
    port: int = 50510
    """Port to listen on; 0 takes a free one."""
    max_message_bytes: int = 8 * 1024 * 1024
    """Largest message taken, bytes. 8 MiB: an event beyond the policy's 5 MiB arrives, and is held."""
    drain_seconds: float = 5.0
    """How long open calls may go on when the server stops, seconds. Watches end at once; no other call takes this long
    but a canary."""
    reflection: bool = True
    """Answers gRPC reflection, so that grpcurl and buf curl need no proto files."""
    tls_cert: str = ""
    """File with the certificate chain, PEM; empty: no TLS."""
    tls_key: str = ""
    """File with the certificate's private key, PEM."""
    tls_client_ca: str = ""
    """File with the authorities whose client certificates are required, PEM; empty: clients need none."""
    token: str = ""
    """Secret that every call must carry as `authorization: Bearer TOKEN`; empty: none is asked for. Better set in the
    environment than in a file."""


MOST_DAYS: Final = 10_000
"""Longest time to live, 27 years: ClickHouse counts to the year 2106, and beyond it begins anew with 1970."""


class StoreSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Where the server keeps what it must not lose."""

    path: str = "cta-data"
    """Folder of journal and archive; it is made when it does not exist. One server at a time uses it."""
    archive: str = ""
    """Where recent events, runs, reports, canaries and signatures are kept. Empty: SQLite in the store's folder.
    `clickhouse://USER:PASSWORD@HOST:PORT/DATABASE` (`?secure=true` for TLS): a ClickHouse server. `chdb://PATH`: the
    same engine inside this process; `chdb://` alone keeps it in the store's folder. A password is better set in the
    environment than in a file."""
    keep_events_days: int = 0
    """How long ClickHouse keeps recent events, days from the time they came; 0: as long as `policy.keep_recent` does.
    SQLite does not look at it."""
    keep_history_days: int = 0
    """How long ClickHouse keeps runs, reports and canaries, days from the time they were last written; 0: for good.
    SQLite does not look at it."""
    spool_bytes: int = 1 << 30
    """What may wait in the store's folder for ClickHouse, bytes, 1 MiB or more; beyond it the oldest recent events that
    wait give way, and nothing else does. 1 GiB: a stream of 2,000 events a second, the most that is recorded, of 400
    bytes each for 20 minutes; one of 50 a second for 15 hours. SQLite does not look at it."""


class StageSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One stage of a consumer."""

    name: str
    """Name in traces, failures and reports; unique within the consumer."""
    call: str
    """The callable, `package.module:function`: one JSON value in, one JSON value out."""
    kind: str = "step"
    """`step`, or `tool` for a stage that asks something else: a table, a model, a service."""


class ConsumerSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A consumer's stages, run in a worker process of their own."""

    stages: tuple[StageSettings, ...]
    """The stages in order, each `{name, call, kind}`."""
    path: tuple[str, ...] = ()
    """Folders that are searched for the stages' modules before all others."""
    memory_mib: int = 2048
    """Memory that the worker process may take, MiB. Enough for numpy and a table of millions of rows."""


class SourceSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What sources may read."""

    folder: str = ""
    """Folder of the JSON Lines files that a source may replay; empty: none."""


class OtlpSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How OpenTelemetry's spans become runs."""

    stream: str = ""
    """Stream of spans that name none by `cta.stream` and whose `service.name` is none; empty: they are refused."""
    settle_seconds: float = 6.0
    """How long to wait for more spans of a trace once its root has come. Exporters send every 5 s by default."""
    wait_seconds: float = 60.0
    """How long to wait for more spans of a trace whose root has not come."""

    def problems(self) -> Iterator[Violation]:
        """What is wrong with the values, by key."""
        for name in ("settle_seconds", "wait_seconds"):
            if not 0 <= getattr(self, name) <= 3600:
                yield Violation(f"otlp.{name}", "must lie between 0 and 3600")


class LogLevel(StrEnum):
    """Least weight of a line."""

    DEBUG = "debug"
    INFO = "info"
    WARNING = "warning"
    ERROR = "error"


class LogFormat(StrEnum):
    """How a line looks."""

    AUTO = "auto"
    """Readable on a terminal, JSON elsewhere."""
    JSON = "json"
    TEXT = "text"


class LogSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The log, on standard error."""

    level: LogLevel = LogLevel.INFO
    """Least weight that is written: debug, info, warning or error. One line per call is info."""
    format: LogFormat = LogFormat.AUTO
    """auto, json or text. auto is text on a terminal and JSON elsewhere."""


class LimitSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Calls that may be open at once; one more is answered RESOURCE_EXHAUSTED with a time to retry."""

    batches: int = 64
    """ProcessEvents and ReportFailures. A batch takes milliseconds; 64 of 3 MiB bound their memory near 200 MiB."""
    analyses: int = 4
    """Diagnose and AnalyzeIncident. One process analyses; a queue of four at some 50 ms each stays under a second."""
    exports: int = 16
    """Exports of OpenTelemetry spans and log records. One of 512 spans takes some 30 ms; 16 stay under a second."""
    trials: int = 8
    """TestAdapter and LearnBaseline. Each takes some milliseconds of the event loop."""
    canaries: int = 4
    """RunCanary. Each replays up to 1,000 events through the consumer's one worker process."""
    offers: int = 256
    """OfferCanaries. Each is a worker that costs a message a second; as many as watches of adapters fit beside them."""
    fixes: int = 64
    """ApplyFix. It mostly waits; as many as there are people."""
    watches: int = 256
    """All watches together. Each costs some messages a second; 256 of them a tenth of a core."""


class AdviserSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A language model that is asked when a person would be."""

    url: str = ""
    """Base address of an OpenAI-compatible endpoint, `https://HOST/v1`; empty: no model is asked. It is sent names,
    types, forms and masked samples of incidents that would go to a person, never a whole event."""
    model: str = ""
    """Name of the model, as the endpoint knows it."""
    key: str = ""
    """Secret that is sent as `authorization: Bearer KEY`; empty: none is sent. Better set in the environment than in a
    file."""
    timeout_seconds: float = 20.0
    """How long the model may take, seconds. The incident waits for it; then it goes to a person as without a model."""

    def problems(self) -> Iterator[Violation]:
        """What is wrong with the values, by key."""
        if self.url and not is_address(self.url, query=False):
            yield Violation("adviser.url", "must be empty, or http(s)://HOST[:PORT][/PATH] without user and query")
        if self.url and not self.model:
            yield Violation("adviser.model", "name the model that the endpoint is asked for")
        if not 0 < self.timeout_seconds <= 120:
            yield Violation("adviser.timeout_seconds", "must lie between 0 and 120")


class MemorySettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The memory of healed incidents."""

    word_vectors: str = ""
    """Folder of a static model of word meanings in model2vec's format (`config.json`, `model.safetensors`,
    `tokenizer.json`); empty: names count by their letters. Needs `pip install 'cta-act[semantic]'`. Nothing is
    downloaded."""


PAYMENTS: Final = ConsumerSettings(
    stages=(
        StageSettings(name="Intake", call="cta_server.consumers.payments:intake"),
        StageSettings(name="Retriever", call="cta_server.consumers.payments:retriever", kind="tool"),
        StageSettings(name="Auditor", call="cta_server.consumers.payments:auditor"),
    )
)
"""The consumer of the demonstration; a file may replace it."""


class Settings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The whole configuration."""

    server: ServerSettings = ServerSettings()
    store: StoreSettings = StoreSettings()
    consumers: dict[str, ConsumerSettings] = msgspec.field(default_factory=lambda: {"payments": PAYMENTS})
    sources: SourceSettings = SourceSettings()
    otlp: OtlpSettings = OtlpSettings()
    policy: Policy = Policy()
    """Policy of streams that leave theirs open."""
    log: LogSettings = LogSettings()
    limits: LimitSettings = LimitSettings()
    adviser: AdviserSettings = AdviserSettings()
    memory: MemorySettings = MemorySettings()
    notify: NotifySettings = NotifySettings()

    def problems(self) -> Iterator[Violation]:
        """What is wrong with the values, by key."""
        server = self.server
        if not 0 <= server.port <= 65535:
            yield Violation("server.port", "must lie between 0 and 65535")
        if not 64 * 1024 <= server.max_message_bytes <= 256 * 1024 * 1024:
            yield Violation("server.max_message_bytes", "must lie between 64 KiB and 256 MiB")
        if not 0 <= server.drain_seconds <= 3600:
            yield Violation("server.drain_seconds", "must lie between 0 and 3600")
        if bool(server.tls_cert) != bool(server.tls_key):
            missing = "tls_key" if server.tls_cert else "tls_cert"
            yield Violation(f"server.{missing}", "certificate and key belong together: set both, or none")
        if server.tls_client_ca and not server.tls_cert:
            yield Violation("server.tls_client_ca", "needs tls_cert and tls_key")
        if self.store.archive and not self.store.archive.startswith(("chdb://", "clickhouse://")):
            yield Violation("store.archive", "must be empty, chdb://PATH or clickhouse://HOST[:PORT][/DATABASE]")
        if self.store.spool_bytes < 1 << 20:
            yield Violation("store.spool_bytes", "must be at least 1 MiB")
        for name in ("keep_events_days", "keep_history_days"):
            if not 0 <= getattr(self.store, name) <= MOST_DAYS:
                yield Violation(f"store.{name}", f"must lie between 0 and {MOST_DAYS}")
        yield from self.adviser.problems()
        yield from self.notify.problems()
        yield from self.otlp.problems()
        for name in LimitSettings.__struct_fields__:
            if getattr(self.limits, name) < 1:
                yield Violation(f"limits.{name}", "must be at least 1")
        for name, consumer in self.consumers.items():
            for index, stage in enumerate(consumer.stages):
                if stage.kind not in ("step", "tool"):
                    yield Violation(f"consumers.{name}.stages[{index}].kind", "must be step or tool")
        for violation in self.policy.problems():
            yield Violation(f"policy.{violation.field}", violation.remedy)
