"""AdapterService: typed programs that turn drifted events into healthy ones."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Sequence
from typing import Final

from cta.v1 import adapter_pb2, adapter_service_pb2_grpc
from cta.v1 import adapter_service_pb2 as api
from cta_core.adapter import file as adapter_file
from cta_core.adapter.program import Program
from cta_core.adapter.revision import AdapterRevision
from cta_core.gate import OutcomeKind
from cta_core.machine import AdapterState
from cta_server.rpc.convert import adapter as convert
from cta_server.rpc.convert.event import trial
from cta_server.rpc.convert.payload import bodies_of
from cta_server.rpc.convert.problems import MAX_NAME, MAX_TEXT, Problems, within
from cta_server.rpc.convert.worker import worker
from cta_server.rpc.face import Context, Face
from cta_server.rpc.paging import Page
from cta_server.rpc.watch import StateWatch, interval_of, place_of
from cta_server.runtime.fleet import WorkerState

DEFAULT_TRIALS: Final = 20
MOST_TRIALS: Final = 1000
MOST_WORKERS: Final = 1000
"""Workers of one answer: some hundred kilobytes."""
MOST_HEALED: Final = 1_000_000_000
"""Healed events of one report. Beyond a billion it is a mistake, and the counts would no longer fit."""
SNAPSHOT_PAGE: Final = 500
"""Adapters read from the journal at once for a snapshot: a few milliseconds of its thread."""


class AdapterServicer(adapter_service_pb2_grpc.AdapterServiceServicer):
    """The service."""

    def __init__(self, face: Face) -> None:
        self._face, self._runtime, self._adapters = face, face.runtime, face.runtime.adapters

    async def CreateAdapter(self, request: api.CreateAdapterRequest, context: Context) -> api.CreateAdapterResponse:
        problems = Problems()
        problems.request_id(request.request_id)
        author, comment = problems.audit(request.author, request.comment)
        program = Program()
        if request.file and request.HasField("program"):
            problems.add("file", "must be empty when program is set: bring one of the two")
        elif request.file:
            with within("file"):
                program = adapter_file.load(request.file).program
        elif request.HasField("program"):
            program = convert.checked_program(request.program, "program", problems)
        else:
            problems.add("program", "must be set, or file")
        problems.check()
        with within("program"):
            made = await self._adapters.create(
                request.stream_id,
                program,
                author=author,
                comment=comment,
                request_id=request.request_id,
                validate_only=request.validate_only,
            )
        return api.CreateAdapterResponse(adapter=self._message(made))

    async def GetAdapter(self, request: api.GetAdapterRequest, context: Context) -> api.GetAdapterResponse:
        return api.GetAdapterResponse(adapter=self._message(await self._adapters.get(request.adapter_id)))

    async def ListAdapters(self, request: api.ListAdaptersRequest, context: Context) -> api.ListAdaptersResponse:
        problems = Problems()
        states = convert.STATES.all_of(request.states, "states", problems)
        page = Page(request, "", request.stream_id, sorted(states), problems=problems)
        problems.check()
        journal = self._face.journal
        entries, following = await page.collect(
            lambda before, limit: self._face.journaled(
                journal.list_adapters, stream_id=request.stream_id, states=states, before=before, limit=limit
            ),
            self._message,
            lambda item: item.adapter_id,
        )
        return api.ListAdaptersResponse(adapters=entries, next_page_token=following)

    async def TestAdapter(self, request: api.TestAdapterRequest, context: Context) -> api.TestAdapterResponse:
        problems = Problems()
        program, stream_id = Program(), request.stream_id
        if bool(request.adapter_id) == request.HasField("program"):
            problems.add("adapter_id", "set adapter_id or program, and not both")
        elif request.HasField("program"):
            program = convert.checked_program(request.program, "program", problems)
        problems.number("limit", request.limit, least=0, most=MOST_TRIALS)
        if len(request.events) > MOST_TRIALS:
            problems.add("events", f"must have at most {MOST_TRIALS} entries")
        problems.check()
        events = bodies_of(request.events, "events", problems)
        problems.check()
        if request.adapter_id:
            adapter = await self._adapters.get(request.adapter_id)
            program, stream_id = adapter.program, adapter.stream_id
        trials = await self._adapters.test(stream_id, program, events, request.limit or DEFAULT_TRIALS)
        kinds = [item.kind for item in trials]
        return api.TestAdapterResponse(
            trials=[trial(item) for item in trials],
            healed_count=kinds.count(OutcomeKind.HEALED),
            untouched_count=kinds.count(OutcomeKind.HEALTHY),
            held_count=kinds.count(OutcomeKind.QUARANTINED),
        )

    async def PromoteAdapter(self, request: api.PromoteAdapterRequest, context: Context) -> api.PromoteAdapterResponse:
        problems = Problems()
        problems.request_id(request.request_id)
        actor, comment = problems.audit(request.actor, request.comment)
        problems.check()
        promoted = await self._face.repeats.once(
            request,
            lambda: self._adapters.promote(
                request.adapter_id,
                expected=request.expected_revision,
                request_id=request.request_id,
                actor=actor,
                comment=comment,
                without_canary=request.without_canary,
            ),
        )
        return api.PromoteAdapterResponse(adapter=self._message(promoted))

    async def RollBackAdapter(
        self, request: api.RollBackAdapterRequest, context: Context
    ) -> api.RollBackAdapterResponse:
        problems = Problems()
        problems.request_id(request.request_id)
        actor, comment = problems.audit(request.actor, request.comment)
        problems.check()
        taken_back = await self._face.repeats.once(
            request,
            lambda: self._adapters.roll_back(
                request.adapter_id,
                expected=request.expected_revision,
                request_id=request.request_id,
                actor=actor,
                comment=comment,
            ),
        )
        return api.RollBackAdapterResponse(adapter=self._message(taken_back))

    async def ClearAdapters(self, request: api.ClearAdaptersRequest, context: Context) -> api.ClearAdaptersResponse:
        problems = Problems()
        actor, comment = problems.audit(request.actor, request.comment)
        problems.check()
        cleared = await self._adapters.clear(request.stream_id, actor=actor, comment=comment)
        return api.ClearAdaptersResponse(cleared_count=cleared)

    async def ExportAdapter(self, request: api.ExportAdapterRequest, context: Context) -> api.ExportAdapterResponse:
        found = await self._adapters.get(request.adapter_id)
        origin = f"stream {found.stream_id}, by {found.author}"
        if found.incident_id:
            origin += f", for incident {found.incident_id}"
        return api.ExportAdapterResponse(
            file=adapter_file.dump(found.program, name=found.adapter_id, origin=origin),
            file_name=f"{found.adapter_id}.json",
        )

    async def WatchAdapters(
        self,
        request: api.WatchAdaptersRequest,
        context: Context,
    ) -> AsyncGenerator[api.WatchAdaptersResponse]:
        problems = Problems()
        problems.text("worker_id", request.worker_id, MAX_NAME)
        interval = interval_of(request.checkpoint_interval, problems)
        place_of(request.resume_token, problems)
        problems.check()
        stream_ids = tuple(request.stream_ids)
        journal = self._face.journal

        async def since(revision: int) -> Sequence[AdapterRevision]:
            return await self._face.journaled(journal.adapters_since, revision, stream_ids=stream_ids)

        async def snapshot() -> Sequence[AdapterRevision]:
            return await self._active(stream_ids)

        watch = StateWatch(
            hub=self._runtime.hub,
            clock=self._runtime.clock,
            response=api.WatchAdaptersResponse,
            snapshot=snapshot,
            since=since,
            shown=_in_force,
            key=lambda item: item.adapter_id,
            changes=self._changes,
            era=self._face.era,
        )
        with self._adapters.fleet.watching(request.worker_id, stream_ids):
            async for message in watch.run(request.resume_token, interval):
                yield message

    async def _active(self, stream_ids: Sequence[str]) -> list[AdapterRevision]:
        """All adapters in force, of the streams."""
        found: list[AdapterRevision] = []
        for stream_id in stream_ids or ("",):
            before = ""
            while page := await self._face.journaled(
                self._face.journal.list_adapters,
                stream_id=stream_id,
                states=(AdapterState.ACTIVE,),
                before=before,
                limit=SNAPSHOT_PAGE,
            ):
                found += page
                before = page[-1].adapter_id
        return found

    async def _changes(self, items: Sequence[AdapterRevision]) -> api.AdapterChanges:
        return api.AdapterChanges(
            adapters=[self._message(item) for item in items if _in_force(item)],
            removed_adapter_ids=[item.adapter_id for item in items if not _in_force(item)],
        )

    async def ReportAdapter(self, request: api.ReportAdapterRequest, context: Context) -> api.ReportAdapterResponse:
        problems = Problems()
        problems.text("worker_id", request.worker_id, MAX_NAME, required=True)
        problems.text("error_message", request.error_message, MAX_TEXT)
        if request.outcome not in (api.WORKER_OUTCOME_APPLIED, api.WORKER_OUTCOME_REFUSED):
            problems.add("outcome", "must be WORKER_OUTCOME_APPLIED or WORKER_OUTCOME_REFUSED")
        problems.number("healed_count", request.healed_count, least=0, most=MOST_HEALED)
        if request.revision < 1:
            problems.add("revision", "must be the revision that the worker was sent")
        problems.check()
        await self._adapters.get(request.adapter_id)
        applied, refused = self._adapters.report(
            request.worker_id,
            request.adapter_id,
            request.revision,
            applied=request.outcome == api.WORKER_OUTCOME_APPLIED,
            error=request.error_message,
            healed=request.healed_count,
        )
        return api.ReportAdapterResponse(applied_count=applied, refused_count=refused)

    async def ListWorkers(self, request: api.ListWorkersRequest, context: Context) -> api.ListWorkersResponse:
        problems = Problems()
        problems.text("stream_id", request.stream_id, MAX_NAME)
        problems.check()
        found = await self._adapters.workers(request.stream_id)
        return api.ListWorkersResponse(
            workers=[worker(each) for each in found[:MOST_WORKERS]],
            worker_count=len(found),
            current_count=sum(each.state is WorkerState.CURRENT for each in found),
        )

    def _message(self, core: AdapterRevision) -> adapter_pb2.Adapter:
        return convert.adapter(core, healed_count=self._adapters.healed_count(core.adapter_id))


def _in_force(adapter: AdapterRevision) -> bool:
    return adapter.state is AdapterState.ACTIVE
