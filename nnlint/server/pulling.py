"""Diagnostics for clients that ask for them, beside those that they are sent unasked.

A client that asks (LSP 3.17, `textDocument/diagnostic`) is not sent what it asks for, since it would
show everything twice: of texts that are open nothing, and nothing at all once it has asked for the
diagnostics of the whole workspace. Other files are sent to it as to any client.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from lsprotocol import types as lsp

Document = lsp.RelatedFullDocumentDiagnosticReport | lsp.RelatedUnchangedDocumentDiagnosticReport
InWorkspace = (
    lsp.WorkspaceFullDocumentDiagnosticReport | lsp.WorkspaceUnchangedDocumentDiagnosticReport
)


@dataclass(frozen=True, slots=True)
class Report:
    """What is shown of a text."""

    items: Sequence[lsp.Diagnostic] = ()
    version: int | None = None

    @property
    def id(self) -> str:
        """Equal for equal diagnostics, also in another session."""
        return hashlib.sha256(repr(list(self.items)).encode()).hexdigest()[:16]


class Reports:
    """What is shown of each text by now. For the thread that talks to the client.

    Parameters:
        send: sends the diagnostics of a text unasked.
        refresh: has the client ask again for all that it has asked for.
        is_open: whether a text is open, by its address.
    """

    def __init__(
        self,
        send: Callable[[lsp.PublishDiagnosticsParams], None],
        refresh: Callable[[], None],
        is_open: Callable[[str], bool],
    ) -> None:
        self.pulled = False
        """Whether the client asks for the diagnostics of what is open."""
        self._send = send
        self._refresh = refresh
        self._is_open = is_open
        self._for_all = False
        """Whether it has asked for those of the whole workspace."""
        self._reports: dict[str, Report] = {}
        self._sent: set[str] = set()
        """Addresses of texts that it was sent diagnostics of, unasked."""
        self._given: dict[str, str] = {}
        """By address, the last report that it has asked for."""
        self._waiting: dict[asyncio.Future[None], str] = {}
        """Those who wait for news, and the text that they ask about, if it is one."""
        self._ended = False

    def publish(self, shown: Sequence[lsp.PublishDiagnosticsParams]) -> None:
        """Take in what is shown by now, and let the client know."""
        for told in shown:
            self._reports[told.uri] = Report(told.diagnostics, told.version)
            if not self._is_asked_for(told.uri):
                self._sent.add(told.uri)
                self._send(told)
            elif told.uri in self._sent:
                self._withdraw(told.uri)
        awaited = set(self._waiting.values())
        self._given = {uri: known for uri, known in self._given.items() if self._is_open(uri)}
        stale = [uri for uri, known in self._given.items() if known != self.of(uri).id]
        self.release()
        if not awaited.issuperset(stale):
            # it is not to be asked twice for what it does not ask for then
            self._given = {u: known for u, known in self._given.items() if u not in stale}
            self._refresh()

    def _is_asked_for(self, uri: str) -> bool:
        return self._for_all or (self.pulled and self._is_open(uri))

    def _withdraw(self, uri: str) -> None:
        self._sent.discard(uri)
        self._send(lsp.PublishDiagnosticsParams(uri, []))

    def of(self, uri: str) -> Report:
        """What is shown of a text; nothing of one that nothing is known of."""
        return self._reports.get(uri, Report())

    def ask_for_all(self) -> bool:
        """Send nothing unasked any more: the client asks for everything; whether it is new that
        it does."""
        before, self._for_all = self._for_all, True
        for uri in sorted(self._sent):
            self._withdraw(uri)
        return not before

    async def news(self, uri: str = "") -> bool:
        """Wait until more is known; whether there will be more.

        Parameters:
            uri: the text that is asked about, if it is one.
        """
        if not self._ended:
            waiting: asyncio.Future[None] = asyncio.get_running_loop().create_future()
            self._waiting[waiting] = uri
            try:
                await waiting
            finally:
                self._waiting.pop(waiting, None)
        return not self._ended

    def release(self) -> None:
        """Let those who wait look again."""
        for waiting in self._waiting:
            if not waiting.done():
                waiting.set_result(None)

    def end(self) -> None:
        """Let nobody wait any more."""
        self._ended = True
        self.release()

    def document(self, uri: str, known: str | None) -> Document:
        """The report of a text, for a client that has one already, or none."""
        report = self.of(uri)
        self._given[uri] = report.id
        if report.id == known:
            return lsp.RelatedUnchangedDocumentDiagnosticReport(known)
        return lsp.RelatedFullDocumentDiagnosticReport(list(report.items), result_id=report.id)

    def differ(self, known: Mapping[str, str]) -> bool:
        """Whether other reports are shown than those that a client has."""
        none = Report().id
        uris = self._reports.keys() | known.keys()
        return any(self.of(uri).id != known.get(uri, none) for uri in uris)

    def workspace(self, known: Mapping[str, str]) -> list[InWorkspace]:
        """The reports of all texts, for a client that has some already."""
        made: list[InWorkspace] = []
        for uri in sorted(self._reports.keys() | known.keys()):
            report = self.of(uri)
            if report.id == known.get(uri):
                made.append(
                    lsp.WorkspaceUnchangedDocumentDiagnosticReport(uri, report.id, report.version)
                )
            elif report.items or uri in known:
                made.append(
                    lsp.WorkspaceFullDocumentDiagnosticReport(
                        uri, list(report.items), report.version, result_id=report.id
                    )
                )
        return made
