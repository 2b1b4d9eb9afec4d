"""AnalysisService: what changed, why we think so, and what would mend it."""

from __future__ import annotations

from typing import Final

from cta.v1 import analysis_service_pb2 as api
from cta.v1 import analysis_service_pb2_grpc
from cta_core.errors import EventRefused
from cta_core.event import decode
from cta_server.rpc.convert.payload import bodies_of
from cta_server.rpc.convert.problems import Problems
from cta_server.rpc.convert.report import report, stored
from cta_server.rpc.convert.stream import MAX_CONTRACT
from cta_server.rpc.face import Context, Face
from cta_server.rpc.paging import Page
from cta_server.runtime.errors import Kind, NotFound

LEAST_BASELINE: Final = 10
"""Healthy events of a stateless diagnosis at least: fewer say nothing about what is usual."""
MOST: Final = 1000
"""Events of either side at most."""


class AnalysisServicer(analysis_service_pb2_grpc.AnalysisServiceServicer):
    """The service."""

    def __init__(self, face: Face) -> None:
        self._face, self._runtime = face, face.runtime

    async def AnalyzeIncident(
        self, request: api.AnalyzeIncidentRequest, context: Context
    ) -> api.AnalyzeIncidentResponse:
        incident = await self._runtime.incidents.get(request.incident_id)
        return api.AnalyzeIncidentResponse(report=stored(await self._runtime.analyst.analyze_incident(incident)))

    async def AnalyzeRun(self, request: api.AnalyzeRunRequest, context: Context) -> api.AnalyzeRunResponse:
        found = await self._face.archived(self._face.archive.get_run, request.run_id)
        if found is None:
            raise NotFound(Kind.RUN, request.run_id)
        return api.AnalyzeRunResponse(report=stored(await self._runtime.post_mortem.analyze(found)))

    async def Diagnose(self, request: api.DiagnoseRequest, context: Context) -> api.DiagnoseResponse:
        problems = Problems()
        if not LEAST_BASELINE <= len(request.baseline) <= MOST:
            problems.add("baseline", f"must have {LEAST_BASELINE} to {MOST} events, it has {len(request.baseline)}")
        if not 1 <= len(request.drifted) <= MOST:
            problems.add("drifted", f"must have 1 to {MOST} events, it has {len(request.drifted)}")
        problems.text("contract_json", request.contract_json, MAX_CONTRACT)
        problems.check()
        baseline = bodies_of(request.baseline, "baseline", problems)
        drifted = bodies_of(request.drifted, "drifted", problems)
        problems.check()
        if all(_fields_of(body) == 0 for body in baseline):
            problems.add("baseline", "has no event with a field, so nothing tells what is healthy")
        if all(_fields_of(body) is None for body in drifted):
            problems.add("drifted", "has no event that can be read")
        problems.check()
        found, took = await self._runtime.analyst.diagnose(baseline, drifted, request.contract_json.encode())
        return api.DiagnoseResponse(report=report(found, duration_ms=took))

    async def GetReport(self, request: api.GetReportRequest, context: Context) -> api.GetReportResponse:
        found = await self._face.archived(self._face.archive.get_report, request.report_id)
        if found is None:
            raise NotFound(Kind.REPORT, request.report_id)
        return api.GetReportResponse(report=stored(found))

    async def ListReports(self, request: api.ListReportsRequest, context: Context) -> api.ListReportsResponse:
        problems = Problems()
        page = Page(request, "", request.stream_id, request.incident_id, problems=problems)
        problems.check()
        archive = self._face.archive
        entries, following = await page.collect(
            lambda before, limit: self._face.archived(
                archive.list_reports,
                stream_id=request.stream_id,
                incident_id=request.incident_id,
                before=before,
                limit=limit,
            ),
            stored,
            lambda item: item.report_id,
        )
        return api.ListReportsResponse(reports=entries, next_page_token=following)


def _fields_of(body: bytes) -> int | None:
    """How many fields an event has; None if it cannot be read."""
    try:
        return len(decode(body))
    except EventRefused:
        return None
