"""The language server, as a client over stdio knows it."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import Any

import pytest
import pytest_lsp
from lsprotocol import types as lsp
from pytest_lsp import ClientServerConfig, LanguageClient

ROOT = Path(__file__).parent.parent
COMMAND = [sys.executable, "-m", "nnlint", "server"]
CAPABILITIES = lsp.ClientCapabilities(
    workspace=lsp.WorkspaceClientCapabilities(
        configuration=True,
        workspace_edit=lsp.WorkspaceEditClientCapabilities(document_changes=True),
    ),
    text_document=lsp.TextDocumentClientCapabilities(
        publish_diagnostics=lsp.PublishDiagnosticsClientCapabilities(
            related_information=True,
            code_description_support=True,
            tag_support=lsp.ClientDiagnosticsTagOptions([lsp.DiagnosticTag.Unnecessary]),
        )
    ),
    window=lsp.WindowClientCapabilities(work_done_progress=True),
)
LOSSES = """\
import torch
from torch import nn


def train(model: nn.Module, loader, optimizer):
    criterion = nn.CrossEntropyLoss()
    for images, labels in loader:
        optimizer.zero_grad()
        loss = criterion(torch.softmax(model(images), dim=1), labels)  # 𝛼 the loss
        loss.backward()
        optimizer.step()
"""
CLEAN = LOSSES.replace("torch.softmax(model(images), dim=1)", "model(images)")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two folders that are worked in, and one that is not."""
    top = tmp_path_factory.mktemp("server")
    shutil.copytree(ROOT / "examples" / "bird_songs", top / "songs")
    (top / "other").mkdir()
    (top / "other" / "nnlint.toml").write_text('ignore = ["missing-seed"]\n', encoding="utf-8")
    (top / "other" / "losses.py").write_text(LOSSES, encoding="utf-8")
    (top / "alone").mkdir()
    (top / "alone" / "losses.py").write_text(LOSSES, encoding="utf-8")
    return top


def parameters(*folders: Path, **options: Any) -> lsp.InitializeParams:
    """What a client says first."""
    return lsp.InitializeParams(
        capabilities=CAPABILITIES,
        workspace_folders=[lsp.WorkspaceFolder(f.as_uri(), f.name) for f in folders],
        initialization_options=options or None,
    )


@pytest_lsp.fixture(config=ClientServerConfig(server_command=COMMAND), scope="module")
async def client(client: LanguageClient, folder: Path) -> AsyncIterator[None]:
    """A client that works in two folders."""
    await client.initialize_session(parameters(folder / "songs", folder / "other"))
    yield
    await client.shutdown_session()


pytestmark = pytest.mark.asyncio(loop_scope="module")


class Editor:
    """A file that is open in a client."""

    versions = 0

    def __init__(self, client: LanguageClient, path: Path, text: str | None = None) -> None:
        self.client = client
        self.path = path
        self.uri = path.as_uri()
        self.text = path.read_text(encoding="utf-8") if text is None else text

    @property
    def version(self) -> int:
        Editor.versions += 1
        return Editor.versions

    async def open(self) -> Sequence[lsp.Diagnostic]:
        item = lsp.TextDocumentItem(self.uri, "python", self.version, self.text)
        self.client.text_document_did_open(lsp.DidOpenTextDocumentParams(item))
        return await self.shown()

    async def write(self, text: str) -> Sequence[lsp.Diagnostic]:
        """Replace all of the text."""
        self.text = text
        self.change(lsp.TextDocumentContentChangeWholeDocument(text))
        return await self.shown()

    def change(self, *changes: lsp.TextDocumentContentChangeEvent) -> None:
        document = lsp.VersionedTextDocumentIdentifier(version=self.version, uri=self.uri)
        self.client.text_document_did_change(
            lsp.DidChangeTextDocumentParams(document, list(changes))
        )

    async def save(self) -> None:
        self.path.write_text(self.text, encoding="utf-8")
        document = lsp.TextDocumentIdentifier(self.uri)
        self.client.text_document_did_save(lsp.DidSaveTextDocumentParams(document))
        await self.shown()

    async def close(self) -> None:
        """Close the file, and wait until nothing of it is shown."""
        document = lsp.TextDocumentIdentifier(self.uri)
        self.client.text_document_did_close(lsp.DidCloseTextDocumentParams(document))
        await until(lambda: not self.client.diagnostics.get(self.uri))

    async def shown(self) -> Sequence[lsp.Diagnostic]:
        """What is shown once the server has looked at the file again."""
        self.client.diagnostics.pop(self.uri, None)
        await until(lambda: self.uri in self.client.diagnostics)
        return list(self.client.diagnostics[self.uri])

    async def actions(self, range: lsp.Range, only: Sequence[str] | None = None) -> list[Any]:
        context = lsp.CodeActionContext(diagnostics=[], only=only)
        document = lsp.TextDocumentIdentifier(self.uri)
        found = await self.client.text_document_code_action_async(
            lsp.CodeActionParams(document, range, context)
        )
        return list(found or [])

    def with_edit(self, edit: lsp.WorkspaceEdit | None) -> str:
        """The text after an edit that the server offers."""
        assert edit is not None and edit.document_changes is not None
        (change,) = edit.document_changes
        assert isinstance(change, lsp.TextDocumentEdit) and change.text_document.uri == self.uri
        lines = self.text.splitlines(keepends=True)
        for one in sorted(change.edits, key=lambda e: -e.range.start.line):
            start, end = offset(lines, one.range.start), offset(lines, one.range.end)
            text = "".join(lines)
            lines = (text[:start] + one.new_text + text[end:]).splitlines(keepends=True)
        return "".join(lines)


def offset(lines: Sequence[str], place: lsp.Position) -> int:
    """Characters before a place that is told in UTF-16."""
    line = lines[place.line] if place.line < len(lines) else ""
    column = len(line.encode("utf-16-le")[: 2 * place.character].decode("utf-16-le"))
    return sum(map(len, lines[: place.line])) + column


async def until(done: Any, seconds: float = 60) -> None:
    """Wait until something is so."""
    end = time.monotonic() + seconds
    while not done():
        assert time.monotonic() < end, "the server does not do it"
        await asyncio.sleep(0.02)


def codes(diagnostics: Sequence[lsp.Diagnostic]) -> list[object]:
    return [d.code for d in diagnostics]


def by_command_line(folder: Path) -> set[tuple[str, str, int, int, str]]:
    """What the command line finds: file, code, row, column and message."""
    run = subprocess.run(
        [*COMMAND[:-1], "--no-cache", "--jobs", "1", "--output-format", "json-lines", "."],
        cwd=folder,
        capture_output=True,
        text=True,
    )
    found = [json.loads(line) for line in run.stdout.splitlines()]
    return {
        (
            os.path.basename(f["filename"]),
            f["code"],
            f["location"]["row"],
            f["location"]["column"],
            f["message"],
        )
        for f in found
        if "code" in f
    }


async def test_findings_of_a_project_are_shown_with_all_that_belongs_to_them(
    client: LanguageClient, folder: Path
) -> None:
    model, train = (
        Editor(client, folder / "songs/model.py"),
        Editor(client, folder / "songs/train.py"),
    )
    await model.open()
    shown = await train.open()
    found = {d.code: d for d in [*client.diagnostics[model.uri], *shown]}
    assert {"NN301", "NN401"} <= found.keys()
    softmax = found["NN401"]
    assert softmax.source == "nnlint" and softmax.severity is lsp.DiagnosticSeverity.Error
    assert softmax.code_description and softmax.code_description.href.startswith("https://")
    (related, *_) = softmax.related_information or []
    assert related.location.uri == model.uri
    for editor in (model, train):
        await editor.close()


async def test_hovering_shows_the_page_of_the_rule(client: LanguageClient, folder: Path) -> None:
    editor = Editor(client, folder / "other/losses.py")
    (found,) = await editor.open()
    hover = await client.text_document_hover_async(
        lsp.HoverParams(lsp.TextDocumentIdentifier(editor.uri), found.range.start)
    )
    assert hover is not None and isinstance(hover.contents, lsp.MarkupContent)
    assert hover.contents.kind is lsp.MarkupKind.Markdown
    assert "# softmax-into-cross-entropy" in hover.contents.value
    elsewhere = lsp.HoverParams(lsp.TextDocumentIdentifier(editor.uri), lsp.Position(0, 0))
    assert await client.text_document_hover_async(elsewhere) is None
    await editor.close()


async def test_what_is_written_is_linted_before_it_is_saved(
    client: LanguageClient, folder: Path
) -> None:
    editor = Editor(client, folder / "other/losses.py")
    assert codes(await editor.open()) == ["NN401"]
    assert codes(await editor.write(CLEAN)) == []
    # one change after another, of which the last counts
    line = CLEAN.splitlines().index("        loss = criterion(model(images), labels)  # 𝛼 the loss")
    start, end = lsp.Position(line, 25), lsp.Position(line, 38)
    editor.change(
        lsp.TextDocumentContentChangePartial(lsp.Range(start, end), "torch.soft(model(images))")
    )
    place = lsp.Position(line, 35)
    editor.change(lsp.TextDocumentContentChangePartial(lsp.Range(place, place), "max"))
    (found,) = await editor.shown()
    assert found.code == "NN401" and found.range.start.line == line
    assert codes(await editor.write("def broken(:\n" + LOSSES)) == ["NN001"]
    await editor.close()


async def test_actions_mend_a_finding_or_have_it_ignored(
    client: LanguageClient, folder: Path
) -> None:
    editor = Editor(client, folder / "songs/train.py")
    await editor.open()
    uncalled = editor.text.replace("optimizer.step()", "optimizer.step")
    found = {d.code: d for d in await editor.write(uncalled)}
    offered = {a.title: a for a in await editor.actions(found["NN401"].range)}
    ignored = editor.with_edit(offered["Ignore softmax-into-cross-entropy here"].edit)
    assert "criterion(model(spectrograms), species)  # nnlint: ignore[NN401]\n" in ignored
    offered = {a.title: a for a in await editor.actions(found["NN519"].range)}
    (safe,) = [a for a in offered.values() if a.is_preferred]
    assert "optimizer.step()\n" in editor.with_edit(safe.edit)
    # nothing is offered for places of a text that is no more
    editor.change(lsp.TextDocumentContentChangeWholeDocument("\n\n" + uncalled))
    assert await editor.actions(found["NN519"].range) == []
    before = {d.code for d in await editor.write(ignored)}
    assert "NN401" not in before and "NN519" in before
    titles = [a.title for a in await editor.actions(found["NN101"].range)]
    assert titles[0].endswith("(unsafe: look at what it changes)")
    everything = lsp.Range(lsp.Position(0, 0), lsp.Position(60, 0))
    assert all("fixes" not in a.title for a in await editor.actions(everything))
    (whole,) = await editor.actions(everything, ["source.fixAll.nnlint"])
    assert whole.kind == "source.fixAll.nnlint"
    fixed = editor.with_edit(whole.edit)
    assert "optimizer.step()\n" in fixed and "manual_seed" not in fixed
    assert "NN519" not in codes(await editor.write(fixed))
    await editor.close()


async def test_a_command_makes_all_safe_fixes(client: LanguageClient, folder: Path) -> None:
    applied: list[lsp.ApplyWorkspaceEditParams] = []

    @client.feature(lsp.WORKSPACE_APPLY_EDIT)
    def apply(params: lsp.ApplyWorkspaceEditParams) -> lsp.ApplyWorkspaceEditResult:
        applied.append(params)
        return lsp.ApplyWorkspaceEditResult(applied=True)

    editor = Editor(client, folder / "songs/train.py")
    await editor.open()
    await editor.write(editor.text.replace("optimizer.step()", "optimizer.step"))
    command = lsp.ExecuteCommandParams("nnlint.fixAll", [editor.uri])
    assert await client.workspace_execute_command_async(command) == 1
    assert "optimizer.step()" in editor.with_edit(applied[0].edit)
    await editor.close()


async def test_a_finding_is_verified_with_progress(client: LanguageClient, folder: Path) -> None:
    pytest.importorskip("torch")
    client.set_configuration({"python": sys.executable}, section="nnlint")
    changed = lsp.DidChangeConfigurationParams(settings=None)
    client.workspace_did_change_configuration(changed)
    editor = Editor(client, folder / "songs/model.py")
    train = Editor(client, folder / "songs/train.py")
    await train.open()
    found = {d.code: d for d in await editor.open()}
    actions = await editor.actions(found["NN301"].range)
    (verify,) = [a for a in actions if isinstance(a, lsp.Command)]
    await editor.write(editor.text + "\n")
    command = lsp.ExecuteCommandParams(verify.command, verify.arguments)
    assert await client.workspace_execute_command_async(command) is None
    assert client.messages[-1].message.endswith("save model.py")
    await editor.save()
    assert await client.workspace_execute_command_async(command) == "CONFIRMED"
    kinds = [r.kind for reports in client.progress_reports.values() for r in reports]
    assert kinds == ["begin", "end"]
    assert "NN301 view-mixes-batch: CONFIRMED" in client.messages[-1].message
    shown = await editor.shown()
    assert any("\nCONFIRMED: " in d.message for d in shown if d.code == "NN301")
    # whatever was confirmed of another text says nothing of this one
    shown = await editor.write("# again\n" + editor.text)
    assert not any("CONFIRMED" in d.message for d in shown)
    for open_one in (editor, train):
        await open_one.close()


async def test_configuration_that_changes_or_is_broken(
    client: LanguageClient, folder: Path
) -> None:
    editor = Editor(client, folder / "other/losses.py")
    settings = folder / "other/nnlint.toml"
    assert codes(await editor.open()) == ["NN401"]
    before = settings.read_text(encoding="utf-8")
    settings.write_text('ignore = ["missing-seed", "NN401"]\n', encoding="utf-8")
    assert codes(await editor.write(editor.text + "\n")) == []
    client.messages.clear()
    settings.write_text('ignroe = ["NN401"]\n', encoding="utf-8")
    assert "NN401" in codes(await editor.write(editor.text + "\n"))
    await editor.write(editor.text + "\n")
    (message,) = client.messages
    assert message.type is lsp.MessageType.Error
    assert "nnlint.toml: unknown key `ignroe`" in message.message
    assert codes(client.diagnostics[settings.as_uri()]) == ["NN006"]
    settings.write_text(before, encoding="utf-8")
    assert codes(await editor.write(editor.text + "\n")) == ["NN401"]
    await until(lambda: not client.diagnostics[settings.as_uri()])
    await editor.close()


async def test_a_file_of_no_folder_and_one_that_was_never_saved(
    client: LanguageClient, folder: Path
) -> None:
    alone = Editor(client, folder / "alone/losses.py")
    assert "NN401" in codes(await alone.open())
    new = Editor(client, folder / "other/new.py", LOSSES)
    assert codes(await new.open()) == ["NN401"]
    untitled = Editor(client, folder / "other/new.py", LOSSES)
    untitled.uri = "untitled:Untitled-1"
    assert "NN401" in codes(await untitled.open())
    for editor in (alone, new, untitled):
        await editor.close()


async def test_a_notebook_is_linted_by_its_cells(client: LanguageClient, folder: Path) -> None:
    uri = (folder / "other/train.ipynb").as_uri()
    texts = [
        "import torch\nfrom torch import nn\n",
        "Some prose",
        "%time 1\n" + LOSSES.partition("nn\n")[2],
    ]
    kinds = [lsp.NotebookCellKind.Code, lsp.NotebookCellKind.Markup, lsp.NotebookCellKind.Code]
    cells = [lsp.NotebookCell(k, f"{uri}#cell{n}") for n, k in enumerate(kinds)]
    documents = [
        lsp.TextDocumentItem(cell.document, "python", 1, text)
        for cell, text in zip(cells, texts, strict=True)
        if cell.kind is lsp.NotebookCellKind.Code
    ]
    client.notebook_document_did_open(
        lsp.DidOpenNotebookDocumentParams(
            lsp.NotebookDocument(uri, "jupyter-notebook", 1, cells), documents
        )
    )
    last = cells[2].document
    await until(lambda: client.diagnostics.get(last))
    assert not client.diagnostics[cells[0].document]
    (found,) = client.diagnostics[last]
    assert found.code == "NN401" and found.range.start.line == 7
    context = lsp.CodeActionContext(diagnostics=[])
    offered = await client.text_document_code_action_async(
        lsp.CodeActionParams(lsp.TextDocumentIdentifier(last), found.range, context)
    )
    (ignore,) = [a for a in offered or [] if a.title.startswith("Ignore")]
    assert ignore.edit.document_changes[0].text_document.uri == last
    # a cell comes before it, and the code is mended
    document = lsp.VersionedNotebookDocumentIdentifier(version=2, uri=uri)
    new = lsp.NotebookCell(lsp.NotebookCellKind.Code, f"{uri}#new")
    structure = lsp.NotebookDocumentCellChangeStructure(
        array=lsp.NotebookCellArrayChange(start=1, delete_count=1, cells=[new]),
        did_open=[lsp.TextDocumentItem(new.document, "python", 1, "print(1)\n")],
    )
    content = lsp.NotebookDocumentCellContentChanges(
        lsp.VersionedTextDocumentIdentifier(version=2, uri=last),
        [lsp.TextDocumentContentChangeWholeDocument(CLEAN)],
    )
    changes = lsp.NotebookDocumentCellChanges(structure=structure, text_content=[content])
    client.notebook_document_did_change(
        lsp.DidChangeNotebookDocumentParams(
            document, lsp.NotebookDocumentChangeEvent(cells=changes)
        )
    )
    await until(lambda: not client.diagnostics[last])
    client.notebook_document_did_close(
        lsp.DidCloseNotebookDocumentParams(lsp.NotebookDocumentIdentifier(uri), [])
    )


async def test_the_whole_project_is_as_on_the_command_line(
    client: LanguageClient, folder: Path
) -> None:
    kinds = [
        "softmax-into-cross-entropy",
        "missing-zero-grad",
        "view-mixes-batch",
        "missing-eval-mode",
    ]
    project = folder / "fixtures"
    for kind in kinds:
        for file in sorted((ROOT / "fixtures" / kind).glob("*.py"))[:4]:
            if not file.name.endswith(".fixed.py"):
                target = project / kind / file.name
                target.parent.mkdir(parents=True, exist_ok=True)
                shutil.copy(file, target)
    wanted = by_command_line(project)
    assert len(wanted) > 6
    client.diagnostics.clear()
    client.set_configuration({"lint": "project"}, section="nnlint")
    client.workspace_did_change_configuration(lsp.DidChangeConfigurationParams(settings=None))
    added = lsp.WorkspaceFolder(project.as_uri(), "fixtures")
    change = lsp.WorkspaceFoldersChangeEvent(added=[added], removed=[])
    client.workspace_did_change_workspace_folders(lsp.DidChangeWorkspaceFoldersParams(change))

    def found() -> set[tuple[str, str, int, int, str]]:
        return {
            (
                os.path.basename(uri),
                str(d.code),
                d.range.start.line + 1,
                d.range.start.character + 1,
                d.message.rpartition(" (")[0],
            )
            for uri, shown in client.diagnostics.items()
            if "/fixtures/" in uri
            for d in shown
        }

    await until(lambda: len(found()) >= len(wanted))
    assert {f[:4] for f in found()} == {f[:4] for f in wanted}
    assert all(any(f[4].startswith(w[4]) for w in wanted if w[:4] == f[:4]) for f in found())
    client.set_configuration({"lint": "open"}, section="nnlint")
    change = lsp.WorkspaceFoldersChangeEvent(added=[], removed=[added])
    client.workspace_did_change_workspace_folders(lsp.DidChangeWorkspaceFoldersParams(change))


def message(**content: Any) -> bytes:
    body = json.dumps({"jsonrpc": "2.0", **content}).encode()
    return b"Content-Length: %d\r\n\r\n%s" % (len(body), body)


def initialize(folder: Path | None, **options: Any) -> bytes:
    told: dict[str, Any] = {"processId": None, "rootUri": None, "capabilities": {}}
    if folder is not None:
        told["rootUri"] = folder.as_uri()
    if options:
        told["initializationOptions"] = options
    request = message(id=1, method="initialize", params=told)
    return request + message(method="initialized", params={})


async def test_nonsense_is_told_once_and_the_end_of_the_client_ends_the_server(
    folder: Path,
) -> None:
    unknown = message(id=2, method="nnlint/none", params={})
    wrong = message(id=3, method="textDocument/hover", params={"textDocument": 3})
    absent = {"textDocument": {"uri": "file:///none.py"}, "position": {"line": 9, "character": 9}}
    closed = {"textDocument": {"uri": "file:///none.py", "version": 4}, "contentChanges": []}
    run = subprocess.run(
        COMMAND,
        input=b"".join(
            [
                initialize(None, stage="skeletton", colour="red"),
                b"Content-Length: 7\r\n\r\n{broken",
                b"Content-Length: 4\r\n\r\n\xff\xfe\xfd\xfc",
                message(method="textDocument/didChange", params=closed),
                unknown,
                wrong,
                message(id=4, method="textDocument/hover", params=absent),
                message(id=5, method="workspace/executeCommand", params={"command": "nnlint.none"}),
                message(
                    id=6,
                    method="workspace/executeCommand",
                    params={"command": "nnlint.verify", "arguments": [7]},
                ),
            ]
        ),
        capture_output=True,
        timeout=60,
        cwd=folder,
    )
    answers = [
        json.loads(part)
        for part in run.stdout.decode().split("Content-Length: ")
        if part
        for part in [part.partition("\r\n\r\n")[2]]
    ]
    told = [a["params"]["message"] for a in answers if a.get("method") == "window/showMessage"]
    assert b"Traceback" not in run.stderr
    assert sum("a message of the client is left out" in text for text in told) == 1
    assert any("`nnlint.stage` is to be one of data" in text for text in told)
    assert any("there is no setting `nnlint.colour`" in text for text in told)
    by_id = {a["id"]: a for a in answers if "method" not in a and a.get("id") is not None}
    assert by_id[2]["error"]["code"] == -32601
    assert by_id[4]["result"] is None and "error" in by_id[5] and by_id[6]["result"] is None
    assert run.returncode == 0


async def test_two_servers_share_what_is_remembered(tmp_path: Path) -> None:
    (tmp_path / "pyproject.toml").write_text("[tool.nnlint]\n", encoding="utf-8")
    file = tmp_path / "losses.py"
    file.write_text(LOSSES, encoding="utf-8")
    document = {"uri": file.as_uri(), "languageId": "python", "version": 1, "text": LOSSES}
    opened = message(method="textDocument/didOpen", params={"textDocument": document})
    servers = [
        subprocess.Popen(COMMAND, stdin=subprocess.PIPE, stdout=subprocess.PIPE) for _ in range(2)
    ]
    for server in servers:
        assert server.stdin is not None
        server.stdin.write(initialize(tmp_path) + opened)
        server.stdin.flush()
    for server in servers:
        assert server.stdin is not None and server.stdout is not None
        while b"NN401" not in (line := server.stdout.readline() + server.stdout.peek()):
            assert line
        server.stdin.close()
        assert server.wait(60) == 0
        server.stdout.close()
    (results,) = (tmp_path / ".nnlint_cache").glob("results-*.json")
    assert json.loads(results.read_bytes())


@pytest.mark.skipif(sys.platform == "win32", reason="processes are not looked for there")
async def test_a_client_that_dies_takes_the_server_with_it(folder: Path) -> None:
    client = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    told = {"processId": client.pid, "rootUri": None, "capabilities": {}}
    server = subprocess.Popen(COMMAND, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL)
    assert server.stdin is not None
    server.stdin.write(message(id=1, method="initialize", params=told))
    server.stdin.write(message(method="initialized", params={}))
    server.stdin.flush()
    client.communicate(b"\n")
    # its end of the connection stays open
    assert server.wait(60) == 1
    server.stdin.close()
