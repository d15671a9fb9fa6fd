"""The language server: what clients ask for, and what they are told."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import logging
import os
import sys
import time
from collections.abc import Callable
from typing import Any, BinaryIO

from lsprotocol import types as lsp
from pygls.lsp.server import LanguageServer
from pygls.uris import from_fs_path

from nnlint import __version__
from nnlint.collecting import collect_now, collected_later
from nnlint.config import ConfigError
from nnlint.finding import Finding, Verdict
from nnlint.processes import ProcessDiedError
from nnlint.registry import find_rule
from nnlint.server import actions
from nnlint.server.buffers import Buffer
from nnlint.server.diagnostics import Capabilities
from nnlint.server.proving import Prover
from nnlint.server.pulling import Document, Reports
from nnlint.server.service import Service
from nnlint.server.settings import read_settings
from nnlint.server.worker import Worker
from nnlint.source.discovery import SUFFIXES
from nnlint.trust import trusted_path

DELAY = 0.15
"""Seconds without another change after which what was written is linted."""
WATCHED = "**/{*.py,*.ipynb,pyproject.toml,nnlint.toml,.gitignore}"
SHOWING = 0.02
"""Seconds in which what was found is sent before anything else is done."""
ALIVE = 5.0
"""Seconds after which it is looked again whether the client's process is there."""
_numbers = itertools.count()
NOTEBOOKS = lsp.NotebookDocumentSyncOptions(
    notebook_selector=[
        lsp.NotebookDocumentFilterWithNotebook(
            notebook="jupyter-notebook", cells=[lsp.NotebookCellLanguage(language="python")]
        )
    ],
    save=True,
)


class Server(LanguageServer):
    """A language server that says nothing of faults of the client but once."""

    def __init__(self) -> None:
        super().__init__(
            "nnlint",
            __version__,
            text_document_sync_kind=lsp.TextDocumentSyncKind.Incremental,
            notebook_document_sync=NOTEBOOKS,
        )
        self.reports = Reports(
            self.text_document_publish_diagnostics,
            self.have_asked_again,
            lambda uri: self.service.buffers.of(uri) is not None,
        )
        self.service = Service(self.reports.publish, self.tell)
        self.worker = Worker(self.lint, self.failed)
        self.prover = Prover()
        self.actions = actions.Actions(self.service.buffers, False)
        self.loop: asyncio.AbstractEventLoop | None = None
        self.watching: asyncio.Future[None] | None = None
        self._complained = False

    def in_loop(self, call: Callable[[], None]) -> None:
        """Call a function in the thread that talks to the client."""
        if self.loop is not None:
            with contextlib.suppress(RuntimeError):
                # the loop may have ended meanwhile
                self.loop.call_soon_threadsafe(call)

    def lint(self) -> None:
        """Lint what is open; what that leaves behind is cleared away when it is shown."""
        try:
            with collected_later():
                self.service.lint(self.in_loop)
        finally:
            time.sleep(SHOWING)
            collect_now()

    def wake(self, delay: float = 0.0) -> None:
        """Lint again after some seconds; what is being found is of no use any more."""
        self.service.outdate()
        self.worker.wake(delay)

    def failed(self, error: Exception) -> None:
        """Say that linting failed, which is a fault of nnlint's own."""
        self.in_loop(self.settle)
        told = " ".join(f"{type(error).__name__}: {error}".split())
        self.tell(f"nnlint: linting failed: {told}; please report it", lsp.MessageType.Error)

    def have_asked_again(self) -> None:
        """Have the client ask again for diagnostics, where it can be told to."""
        workspace = self.client_capabilities.workspace
        if workspace and workspace.diagnostics and workspace.diagnostics.refresh_support:
            self.workspace_diagnostic_refresh(None)

    def tell(self, text: str, kind: lsp.MessageType) -> None:
        """Say something to the user."""
        self.in_loop(lambda: self.window_show_message(lsp.ShowMessageParams(kind, text)))

    def settle(self) -> None:
        """Answer those who wait with what is known: there will be no more for now."""
        self.service.settle()
        self.reports.release()

    def report_server_error(self, error: Exception, source: Any) -> None:
        """Say once that the client sends what is no message of the protocol."""
        text = f"nnlint: a message of the client is left out: {type(error).__name__}: {error}"
        self.window_log_message(lsp.LogMessageParams(lsp.MessageType.Error, text[:500]))
        if not self._complained:
            self._complained = True
            self.window_show_message(lsp.ShowMessageParams(lsp.MessageType.Error, text[:500]))

    async def watch_client(self) -> None:
        """End with the client's process, which may die without closing the connection."""
        while self.process_id and _is_alive(self.process_id):
            await asyncio.sleep(ALIVE)
        if self.process_id:
            # the thread that reads would wait for ever
            self.end()
            os._exit(1)

    def end(self) -> None:
        """Give up what is under way."""
        self.worker.end()
        self.prover.stop()


def _is_alive(process: int) -> bool:
    if sys.platform == "win32":
        # a signal would end it there; the end of the connection has to do
        return True
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except OSError:
        pass
    return True


def build() -> Server:
    """The server, ready to be started."""
    server = Server()
    service = server.service

    @server.feature(lsp.INITIALIZE)
    def initialize(params: lsp.InitializeParams) -> None:
        service.client = Capabilities.of(params.capabilities)
        document = params.capabilities.text_document
        server.reports.pulled = document is not None and document.diagnostic is not None
        service.buffers.encoding = server.workspace.position_encoding or "utf-16"
        edits = params.capabilities.workspace and params.capabilities.workspace.workspace_edit
        versioned = bool(edits and edits.document_changes)
        server.actions = actions.Actions(service.buffers, versioned)
        server.loop = asyncio.get_running_loop()
        _set(server, params.initialization_options)
        folders = [folder.uri for folder in params.workspace_folders or []]
        root = params.root_uri or (params.root_path and from_fs_path(params.root_path))
        service.work_in(folders or ([root] if root else []))
        # nothing is imported from where the linted code lies
        sys.path[:] = trusted_path(service.folders)

    @server.feature(lsp.INITIALIZED)
    async def initialized(params: lsp.InitializedParams) -> None:
        server.worker.start()
        server.watching = asyncio.ensure_future(server.watch_client())
        server.wake()
        workspace = server.client_capabilities.workspace
        if workspace and workspace.configuration:
            await _pull_settings(server)
        watched = workspace and workspace.did_change_watched_files
        if watched and watched.dynamic_registration:
            options = lsp.DidChangeWatchedFilesRegistrationOptions(
                [lsp.FileSystemWatcher(glob_pattern=WATCHED)]
            )
            registration = lsp.Registration(
                "nnlint.watched", lsp.WORKSPACE_DID_CHANGE_WATCHED_FILES, options
            )
            with contextlib.suppress(Exception):
                await server.client_register_capability_async(
                    lsp.RegistrationParams([registration])
                )

    @server.feature(lsp.SHUTDOWN)
    def shutdown(params: None) -> None:
        server.reports.end()
        server.end()

    _follow_documents(server)
    _follow_workspace(server)
    _answer(server)
    _report(server)
    return server


def _set(server: Server, told: object) -> None:
    settings, faults = read_settings(told)
    server.service.set(settings)
    for fault in faults:
        server.tell(f"nnlint: {fault}", lsp.MessageType.Warning)


async def _pull_settings(server: Server) -> None:
    item = lsp.ConfigurationItem(section="nnlint")
    try:
        answer = await server.workspace_configuration_async(lsp.ConfigurationParams([item]))
    except Exception:
        # a client that cannot say what it is set to has told it already
        return
    if answer and answer[0] is not None:
        _set(server, answer[0])
        server.wake()


def _follow_documents(server: Server) -> None:
    buffers = server.service.buffers

    @server.feature(lsp.TEXT_DOCUMENT_DID_OPEN)
    def opened(params: lsp.DidOpenTextDocumentParams) -> None:
        buffers.open(params.text_document)
        server.wake()

    @server.feature(lsp.TEXT_DOCUMENT_DID_CHANGE)
    def changed(params: lsp.DidChangeTextDocumentParams) -> None:
        buffers.change(params.text_document, list(params.content_changes))
        server.wake(DELAY)

    @server.feature(lsp.TEXT_DOCUMENT_DID_SAVE)
    def saved(params: lsp.DidSaveTextDocumentParams) -> None:
        server.wake()

    @server.feature(lsp.TEXT_DOCUMENT_DID_CLOSE)
    def closed(params: lsp.DidCloseTextDocumentParams) -> None:
        buffers.close(params.text_document.uri)
        server.wake()

    @server.feature(lsp.NOTEBOOK_DOCUMENT_DID_OPEN)
    def notebook_opened(params: lsp.DidOpenNotebookDocumentParams) -> None:
        buffers.open_notebook(params.notebook_document, list(params.cell_text_documents))
        server.wake()

    @server.feature(lsp.NOTEBOOK_DOCUMENT_DID_CHANGE)
    def notebook_changed(params: lsp.DidChangeNotebookDocumentParams) -> None:
        buffers.change_notebook(params)
        server.wake(DELAY)

    @server.feature(lsp.NOTEBOOK_DOCUMENT_DID_SAVE)
    def notebook_saved(params: lsp.DidSaveNotebookDocumentParams) -> None:
        server.wake()

    @server.feature(lsp.NOTEBOOK_DOCUMENT_DID_CLOSE)
    def notebook_closed(params: lsp.DidCloseNotebookDocumentParams) -> None:
        buffers.close(params.notebook_document.uri)
        server.wake()


def _follow_workspace(server: Server) -> None:
    service = server.service

    @server.feature(lsp.WORKSPACE_DID_CHANGE_WATCHED_FILES)
    def files_changed(params: lsp.DidChangeWatchedFilesParams) -> None:
        came_or_went = any(change.type != lsp.FileChangeType.Changed for change in params.changes)
        if came_or_went or not all(change.uri.endswith(SUFFIXES) for change in params.changes):
            service.forget()
        server.wake(DELAY)

    @server.feature(lsp.WORKSPACE_DID_CHANGE_WORKSPACE_FOLDERS)
    def folders_changed(params: lsp.DidChangeWorkspaceFoldersParams) -> None:
        added = [folder.uri for folder in params.event.added]
        service.work_in(added, [folder.uri for folder in params.event.removed])
        sys.path[:] = trusted_path(service.folders)
        server.wake()

    @server.feature(lsp.WORKSPACE_DID_CHANGE_CONFIGURATION)
    async def settings_changed(params: lsp.DidChangeConfigurationParams) -> None:
        workspace = server.client_capabilities.workspace
        if workspace and workspace.configuration:
            await _pull_settings(server)
        elif params.settings:
            _set(server, params.settings)
            server.wake()


def _answer(server: Server) -> None:
    service = server.service

    @server.feature(lsp.TEXT_DOCUMENT_HOVER)
    def hover(params: lsp.HoverParams) -> lsp.Hover | None:
        uri, place = params.text_document.uri, params.position
        buffer = service.buffers.of(uri)
        found = _touched(server, buffer, uri, lsp.Range(place, place)) if buffer else []
        pages = list(dict.fromkeys(_page(finding) for finding in found))
        if not pages:
            return None
        return lsp.Hover(lsp.MarkupContent(lsp.MarkupKind.Markdown, "\n\n---\n\n".join(pages)))

    @server.feature(
        lsp.TEXT_DOCUMENT_CODE_ACTION,
        lsp.CodeActionOptions([lsp.CodeActionKind.QuickFix, actions.FIX_ALL_KIND]),
    )
    async def code_actions(params: lsp.CodeActionParams) -> list[lsp.Command | lsp.CodeAction]:
        uri = params.text_document.uri
        buffer = service.buffers.of(uri)
        if buffer is None:
            return []
        found = _touched(server, buffer, uri, params.range)
        made = await asyncio.to_thread(
            server.actions.of,
            *(buffer, uri, found, params.context.diagnostics, params.context.only),
        )
        if actions.wants_fix_all(params.context.only):
            edit = await _fixed(server, buffer)
            made += [actions.fix_all(edit)] if edit is not None else []
        return made

    # on Python 3.10 pygls takes no `Any` for the type of a first parameter
    @server.command(actions.FIX_ALL)
    async def fix_all(server: Server, uri: Any = None) -> int:
        buffer = service.buffers.of(str(uri))
        edit = await _fixed(server, buffer) if buffer else None
        if edit is None:
            server.tell("nnlint: there is nothing that can safely be fixed", lsp.MessageType.Info)
            return 0
        parameters = lsp.ApplyWorkspaceEditParams(edit, "Safe fixes of nnlint")
        answer = await server.workspace_apply_edit_async(parameters)
        return int(answer.applied)

    @server.command(actions.VERIFY)
    async def verify(server: Server, told: Any = None) -> str | None:
        verdict = await _verified(server, told)
        return verdict.status if verdict else None


def _report(server: Server) -> None:
    reports, service = server.reports, server.service

    @server.feature(
        lsp.TEXT_DOCUMENT_DIAGNOSTIC,
        lsp.DiagnosticOptions(
            identifier="nnlint", inter_file_dependencies=True, workspace_diagnostics=True
        ),
    )
    async def of_document(params: lsp.DocumentDiagnosticParams) -> Document:
        uri = params.text_document.uri
        while not service.is_current() and await reports.news(uri):
            pass
        return reports.document(uri, params.previous_result_id)

    @server.feature(lsp.WORKSPACE_DIAGNOSTIC)
    async def of_workspace(params: lsp.WorkspaceDiagnosticParams) -> lsp.WorkspaceDiagnosticReport:
        known = {told.uri: told.value for told in params.previous_result_ids}
        is_first = reports.ask_for_all()
        # a client asks again as soon as it is answered: there is to be something new
        while not service.is_current(whole=True) or not (is_first or reports.differ(known)):
            if not await reports.news():
                break
        return lsp.WorkspaceDiagnosticReport(reports.workspace(known))


def _touched(server: Server, buffer: Buffer, uri: str, range: lsp.Range) -> list[Finding]:
    findings = server.service.findings(buffer)
    return actions.touched(findings, server.service.buffers, uri, range)


def _page(finding: Finding) -> str:
    try:
        page = find_rule(finding.code).documentation
    except ConfigError:
        page = finding.explanation
    return f"{page.strip()}\n\n[{finding.code}]({finding.url})" if finding.url else page.strip()


async def _fixed(server: Server, buffer: Buffer) -> lsp.WorkspaceEdit | None:
    """The change that makes all safe fixes of a file."""
    service = server.service
    raw, overlay = buffer.raw, service.buffers.overlay()
    project = service.project(buffer.path)
    future = server.worker.submit(lambda: project.fixed(overlay, buffer.path))
    try:
        made = await asyncio.wrap_future(future)
    except (ConfigError, asyncio.CancelledError):
        return None
    return server.actions.edit(buffer, raw, made) if made is not None else None


async def _verified(server: Server, told: object) -> Verdict | None:
    """Verify what the argument of the command tells, and show the verdict."""
    service = server.service
    uri = str(told.get("uri")) if isinstance(told, dict) else ""
    buffer = service.buffers.of(uri)
    finding = actions.targeted(service.findings(buffer), service.buffers, told) if buffer else None
    if buffer is None or finding is None:
        server.tell("nnlint: there is no such finding any more", lsp.MessageType.Warning)
        return None
    name = os.path.basename(buffer.path)
    if not buffer.is_saved:
        server.tell(f"nnlint: what is saved is verified: save {name}", lsp.MessageType.Warning)
        return None
    project = service.project(buffer.path)
    configured = project.config_of(buffer.path).verify
    async with _progress(server, f"Verifying {finding.name} in {name}"):
        future = server.prover.start(finding, configured, project.folder, service.settings.python)
        try:
            verdict = await asyncio.wrap_future(future)
        except (ProcessDiedError, RuntimeError) as error:
            verdict = Verdict("INCONCLUSIVE", f"the verifier ended: {error or 'it was stopped'}")
    service.note(finding, verdict)
    server.wake()
    kind = {
        "CONFIRMED": lsp.MessageType.Error,
        "REFUTED": lsp.MessageType.Info,
    }.get(verdict.status, lsp.MessageType.Warning)
    server.tell(f"{finding.code} {finding.name}: {verdict.status}: {verdict.summary}", kind)
    return verdict


@contextlib.asynccontextmanager
async def _progress(server: Server, title: str) -> Any:
    """Progress of work in the client, where it shows any."""
    window = server.client_capabilities.window
    if not (window and window.work_done_progress):
        yield
        return
    token = f"nnlint-{next(_numbers)}"
    progress = server.work_done_progress
    await progress.create_async(token)
    progress.tokens[token].add_done_callback(lambda future: server.prover.stop())
    progress.begin(token, lsp.WorkDoneProgressBegin(title=title, cancellable=True))
    try:
        yield
    finally:
        progress.end(token, lsp.WorkDoneProgressEnd())


def serve(read: BinaryIO, write: BinaryIO) -> None:
    """Serve a client until it goes.

    Parameters:
        read: what it sends.
        write: what it is sent.
    """
    # it logs whatever clients send wrongly, with tracebacks; they are told instead
    logging.getLogger("pygls").addHandler(logging.NullHandler())
    logging.getLogger("pygls").propagate = False
    server = build()
    try:
        server.start_io(read, write)
    finally:
        server.end()
