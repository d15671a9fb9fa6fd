"""Clients that ask the language server for diagnostics, over stdio."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import pytest_lsp
from lsprotocol import types as lsp
from pytest_lsp import ClientServerConfig, LanguageClient

from nnlint.server.pulling import Reports

COMMAND = [sys.executable, "-m", "nnlint", "server"]
CAPABILITIES = lsp.ClientCapabilities(
    workspace=lsp.WorkspaceClientCapabilities(
        diagnostics=lsp.DiagnosticWorkspaceClientCapabilities(refresh_support=True)
    ),
    text_document=lsp.TextDocumentClientCapabilities(
        diagnostic=lsp.DiagnosticClientCapabilities(related_information=True)
    ),
)
MODEL = """\
from torch import nn


def build():
    return nn.Sequential(nn.Linear(8, 3), nn.Softmax(dim=1))
"""
TRAIN = """\
from torch import nn

from model import build


def train(loader, optimizer):
    criterion = nn.CrossEntropyLoss()
    model = build()
    for images, labels in loader:
        optimizer.zero_grad()
        loss = criterion(model(images), labels)
        loss.backward()
        optimizer.step()
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project of a script and its model."""
    top = tmp_path_factory.mktemp("pulling")
    (top / "nnlint.toml").write_text('select = ["NN401"]\n', encoding="utf-8")
    (top / "model.py").write_text(MODEL, encoding="utf-8")
    (top / "train.py").write_text(TRAIN, encoding="utf-8")
    return top


@pytest_lsp.fixture(config=ClientServerConfig(server_command=COMMAND), scope="module")
async def client(client: LanguageClient, folder: Path) -> AsyncIterator[None]:
    """A client that asks, and works in the whole project."""
    answer = await client.initialize_session(
        lsp.InitializeParams(
            capabilities=CAPABILITIES,
            workspace_folders=[lsp.WorkspaceFolder(folder.as_uri(), folder.name)],
            initialization_options={"lint": "project"},
        )
    )
    offered = answer.capabilities.diagnostic_provider
    assert offered is not None and offered.inter_file_dependencies
    assert offered.workspace_diagnostics
    yield
    await client.shutdown_session()


pytestmark = pytest.mark.asyncio(loop_scope="module")


def opened(client: LanguageClient, path: Path, version: int = 1) -> str:
    """Open a file; its address."""
    item = lsp.TextDocumentItem(path.as_uri(), "python", version, path.read_text(encoding="utf-8"))
    client.text_document_did_open(lsp.DidOpenTextDocumentParams(item))
    return path.as_uri()


def written(client: LanguageClient, uri: str, version: int, text: str) -> None:
    """Replace all of a text."""
    document = lsp.VersionedTextDocumentIdentifier(version=version, uri=uri)
    change = lsp.TextDocumentContentChangeWholeDocument(text)
    client.text_document_did_change(lsp.DidChangeTextDocumentParams(document, [change]))


async def asked(client: LanguageClient, uri: str, known: str | None = None) -> Any:
    """The report of a text."""
    parameters = lsp.DocumentDiagnosticParams(
        lsp.TextDocumentIdentifier(uri), previous_result_id=known
    )
    return await client.text_document_diagnostic_async(parameters)


async def asked_for_all(client: LanguageClient, known: dict[str, str]) -> dict[str, Any]:
    """The reports of the whole workspace."""
    told = [lsp.PreviousResultId(uri, value) for uri, value in known.items()]
    answer = await client.workspace_diagnostic_async(lsp.WorkspaceDiagnosticParams(told))
    return {report.uri: report for report in answer.items}


def codes(report: Any) -> list[object]:
    return [diagnostic.code for diagnostic in report.items]


async def until(done: Any) -> None:
    for _ in range(3000):
        if done():
            return
        await asyncio.sleep(0.02)
    raise AssertionError("the server does not do it")


async def test_what_is_asked_for_is_what_is_open_now(client: LanguageClient, folder: Path) -> None:
    uri = opened(client, folder / "train.py")
    report = await asked(client, uri)
    assert codes(report) == ["NN401"] and report.kind == "full"
    (related, *_) = report.items[0].related_information
    assert related.location.uri == (folder / "model.py").as_uri()
    again = await asked(client, uri, report.result_id)
    assert again.kind == "unchanged" and again.result_id == report.result_id
    # what was asked for is of the text behind the edit, however soon it is asked for
    written(client, uri, 2, TRAIN.replace("model(images)", "images"))
    assert codes(await asked(client, uri, report.result_id)) == []
    written(client, uri, 3, TRAIN)
    assert codes(await asked(client, uri)) == ["NN401"]
    assert not client.diagnostics.get(uri), "it is not sent what it asks for"


async def test_another_file_that_changes_has_the_client_ask_again(
    client: LanguageClient, folder: Path
) -> None:
    train = (folder / "train.py").as_uri()
    before = await asked(client, train)
    assert codes(before) == ["NN401"]
    model = opened(client, folder / "model.py")
    assert codes(await asked(client, model)) == []
    count = client.diagnostic_refresh_count
    written(client, model, 2, MODEL.replace(", nn.Softmax(dim=1)", ""))
    assert codes(await asked(client, model)) == []
    await until(lambda: client.diagnostic_refresh_count > count)
    assert codes(await asked(client, train, before.result_id)) == []
    written(client, model, 3, MODEL)
    await until(lambda: client.diagnostic_refresh_count > count + 1)
    assert codes(await asked(client, train)) == ["NN401"]


async def test_a_whole_workspace_is_asked_for(client: LanguageClient, folder: Path) -> None:
    train = (folder / "train.py").as_uri()
    first = await asked_for_all(client, {})
    assert codes(first[train]) == ["NN401"]
    known = {uri: report.result_id for uri, report in first.items()}
    # nothing is new until something is
    waiting = asyncio.ensure_future(asked_for_all(client, known))
    done, _ = await asyncio.wait([waiting], timeout=1)
    assert not done
    written(client, train, 4, TRAIN.replace("model(images)", "images"))
    changed = await waiting
    assert codes(changed[train]) == [] and changed[train].kind == "full"
    assert changed[train].version == 4


def reports(**options: Any) -> tuple[Reports, list[tuple[str, int]], list[str]]:
    """Reports with what was sent unasked, and how often the client was had ask again."""
    sent: list[tuple[str, int]] = []
    again: list[str] = []
    made = Reports(
        lambda told: sent.append((told.uri, len(told.diagnostics))),
        lambda: again.append("again"),
        lambda uri: uri in options.get("opened", ()),
    )
    made.pulled = options.get("pulled", False)
    return made, sent, again


def told(uri: str, *messages: str) -> lsp.PublishDiagnosticsParams:
    at = lsp.Range(lsp.Position(0, 0), lsp.Position(0, 1))
    return lsp.PublishDiagnosticsParams(uri, [lsp.Diagnostic(at, m) for m in messages])


async def test_who_asks_for_nothing_is_sent_everything() -> None:
    made, sent, again = reports(opened=["a"])
    made.publish([told("a", "x"), told("b", "y")])
    assert sent == [("a", 1), ("b", 1)] and not again


async def test_who_asks_for_what_is_open_is_sent_the_rest_until_it_asks_for_all() -> None:
    opened: list[str] = []
    made, sent, again = reports(pulled=True, opened=opened)
    made.publish([told("a", "x"), told("b", "y")])
    assert sent == [("a", 1), ("b", 1)]
    opened.append("a")
    made.publish([told("a", "x")])
    assert sent[2:] == [("a", 0)], (
        "what it asks for now is taken back, so that it is not there twice"
    )
    assert made.ask_for_all() and not made.ask_for_all()
    assert sent[3:] == [("b", 0)]
    made.publish([told("b", "y", "z")])
    assert not sent[4:] and not again
    assert {r.uri: len(r.items) for r in made.workspace({})} == {"a": 1, "b": 2}


async def test_a_client_is_had_ask_again_once_for_what_it_has_and_does_not_wait_for() -> None:
    made, _, again = reports(pulled=True, opened=["a", "b"])
    made.publish([told("a", "x"), told("b", "y")])
    for uri in "ab":
        made.document(uri, None)
    waiting = asyncio.ensure_future(made.news("a"))
    await asyncio.sleep(0)
    made.publish([told("a", "changed"), told("b", "y")])
    assert await waiting and not again
    made.document("a", None)
    made.publish([told("a", "changed"), told("b", "changed")])
    made.publish([told("b", "changed again")])
    assert again == ["again"]
    made.end()
    assert not await made.news()
