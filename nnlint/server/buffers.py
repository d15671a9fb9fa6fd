"""What clients have open: texts and notebooks, as they are in the editor."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from lsprotocol import types as lsp
from pygls.uris import from_fs_path, to_fs_path, urlparse

from nnlint.finding import Position
from nnlint.server.texts import Ruler, changed
from nnlint.source.file import SourceError
from nnlint.source.notebook import code_cells
from nnlint.source.reading import decode, encoding_of, read_bytes

UTF16: str = lsp.PositionEncodingKind.Utf16


@dataclass(slots=True)
class Text:
    """A text of a client: a file's, or that of a cell."""

    uri: str
    text: str
    version: int | None
    cell: int | None = None
    """Number of the cell in its notebook, from 1."""


@dataclass(slots=True)
class Buffer:
    """A file that is open."""

    uri: str
    path: str
    """Absolute; of something that was never saved a path where nothing is."""
    texts: list[Text] = field(default_factory=list)
    """The file's own, or those of a notebook's cells that are code."""
    notebook: lsp.NotebookDocument | None = None

    @property
    def raw(self) -> bytes:
        """What the file would hold if it were saved."""
        if self.notebook is not None:
            return _notebook(self.notebook, {text.uri: text.text for text in self.texts})
        text = self.texts[0].text
        try:
            return text.encode(encoding_of(text[:400].encode("utf-8", "replace")))
        except (SourceError, ValueError):
            return text.encode("utf-8", "surrogatepass")

    @property
    def is_saved(self) -> bool:
        """Whether the file holds what is open."""
        try:
            saved, raw = read_bytes(Path(self.path)), self.raw
            return saved == raw or (
                self.notebook is not None and code_cells(saved) == code_cells(raw)
            )
        except (OSError, SourceError):
            return False

    def text_of(self, cell: int | None) -> Text | None:
        """The text of a cell, or the file's own."""
        return next((text for text in self.texts if text.cell == cell), None)


class Buffers:
    """All that is open, and where places in it are for the client."""

    def __init__(self) -> None:
        self.encoding = UTF16
        self._by_path: dict[str, Buffer] = {}
        self._paths: dict[str, str] = {}
        """By the address of a text, or a notebook, the path of its file."""

    def __iter__(self) -> Iterator[Buffer]:
        return iter(list(self._by_path.values()))

    def of(self, uri: str) -> Buffer | None:
        """What is open under an address: a file, a notebook, or one of its cells."""
        return self._by_path.get(self._paths.get(uri, ""))

    def at(self, path: str) -> Buffer | None:
        """What is open of a file."""
        return self._by_path.get(path)

    def open(self, document: lsp.TextDocumentItem) -> None:
        """Take in a text that has been opened; what is no Python is left alone."""
        path = path_of(document.uri)
        if not path.endswith(".py") and document.language_id != "python":
            return
        text = Text(document.uri, document.text, document.version)
        self._put(Buffer(document.uri, path, [text]))

    def open_notebook(
        self, notebook: lsp.NotebookDocument, cells: list[lsp.TextDocumentItem]
    ) -> None:
        """Take in a notebook that has been opened."""
        path = path_of(notebook.uri)
        path = path if path.endswith(".ipynb") else f"{path}.ipynb"
        buffer = Buffer(notebook.uri, path, [], notebook)
        buffer.texts = [Text(cell.uri, cell.text, cell.version) for cell in cells]
        self._put(buffer)

    def _put(self, buffer: Buffer) -> None:
        self._by_path[buffer.path] = buffer
        self._number(buffer)

    def _number(self, buffer: Buffer) -> None:
        """Note which cell of a notebook each text is now."""
        self._paths[buffer.uri] = buffer.path
        if buffer.notebook is not None:
            numbers = {
                cell.document: number
                for number, cell in enumerate(buffer.notebook.cells, 1)
                if cell.kind == lsp.NotebookCellKind.Code
            }
            known = {text.uri: text for text in buffer.texts if text.uri in numbers}
            buffer.texts = [known[uri] for uri in numbers if uri in known]
            for text in buffer.texts:
                text.cell = numbers[text.uri]
        self._paths.update((text.uri, buffer.path) for text in buffer.texts)

    def change(
        self,
        document: lsp.VersionedTextDocumentIdentifier,
        changes: list[lsp.TextDocumentContentChangeEvent],
    ) -> None:
        """Follow the changes of a text."""
        buffer = self.of(document.uri)
        text = next((t for t in buffer.texts if t.uri == document.uri), None) if buffer else None
        if text is None:
            return
        for change in changes:
            text.text = changed(text.text, change, self.encoding)
        text.version = document.version

    def change_notebook(self, params: lsp.DidChangeNotebookDocumentParams) -> list[str]:
        """Follow the changes of a notebook; the addresses of cells that are gone."""
        buffer = self.of(params.notebook_document.uri)
        cells = params.change.cells
        if buffer is None or buffer.notebook is None or cells is None:
            return []
        gone: list[str] = []
        if cells.structure is not None:
            array, opened = cells.structure.array, cells.structure.did_open or []
            after = array.start + array.delete_count
            known = list(buffer.notebook.cells)
            buffer.notebook.cells = [*known[: array.start], *(array.cells or []), *known[after:]]
            gone = [document.uri for document in cells.structure.did_close or []]
            opened_uris = {document.uri for document in opened}
            buffer.texts = [
                t for t in buffer.texts if t.uri not in gone and t.uri not in opened_uris
            ]
            buffer.texts += [Text(cell.uri, cell.text, cell.version) for cell in opened]
        for cell in cells.data or []:
            for own in buffer.notebook.cells:
                if own.document == cell.document:
                    own.kind = cell.kind
        self._number(buffer)
        for content in cells.text_content or []:
            self.change(content.document, list(content.changes))
        return gone

    def close(self, uri: str) -> Buffer | None:
        """Forget what was open under an address."""
        buffer = self._by_path.pop(self._paths.get(uri, ""), None)
        if buffer is not None:
            self._paths = {u: p for u, p in self._paths.items() if p != buffer.path}
        return buffer

    def overlay(self) -> dict[str, bytes]:
        """The content of the files that are not what is on disk, by path."""
        return {buffer.path: buffer.raw for buffer in self if not buffer.is_saved}

    def uri(self, path: str, cell: int | None = None) -> str:
        """The address by which the client knows a file, or a cell of it."""
        buffer = self.at(path)
        if buffer is None:
            return from_fs_path(path) or path
        text = buffer.text_of(cell)
        return text.uri if text else buffer.uri

    def ruler(self, path: str, cell: int | None = None) -> Ruler:
        """Where places of a file, or of a cell, are for the client."""
        buffer = self.at(path)
        text = buffer.text_of(cell) if buffer else None
        return Ruler(text.text if text else _saved(path, cell), self.encoding)

    def location(
        self, path: str, start: Position, end: Position, cell: int | None = None
    ) -> lsp.Location:
        """A place as the client knows it."""
        return lsp.Location(self.uri(path, cell), self.ruler(path, cell).range(start, end))


def path_of(uri: str) -> str:
    """The absolute path of an address; of one that is no file's a path where nothing is."""
    path = to_fs_path(uri) if uri.startswith("file:") else None
    if path:
        return os.path.abspath(path)
    name = os.path.basename(str(urlparse(uri)[2])) or "untitled"
    return os.path.abspath(name if name.endswith((".py", ".ipynb")) else f"{name}.py")


def folder_of(uri: str) -> str:
    """The absolute path of a folder's address; empty for one that is no file's."""
    path = to_fs_path(uri) if uri.startswith("file:") else None
    return os.path.abspath(path) if path else ""


def _saved(path: str, cell: int | None) -> str:
    try:
        raw = read_bytes(Path(path))
        return decode(raw) if cell is None else dict(code_cells(raw)).get(cell, "")
    except (OSError, SourceError):
        return ""


def _notebook(notebook: lsp.NotebookDocument, texts: Mapping[str, str]) -> bytes:
    """A notebook as a file would hold it, as far as nnlint reads one."""
    cells: list[dict[str, Any]] = []
    for cell in notebook.cells:
        kind = "code" if cell.document in texts else "markdown"
        cells.append({"cell_type": kind, "metadata": {}, "source": texts.get(cell.document, "")})
    metadata: Any = notebook.metadata if isinstance(notebook.metadata, dict) else {}
    inner = metadata.get("metadata", metadata)
    document = {"cells": cells, "metadata": inner, "nbformat": 4, "nbformat_minor": 5}
    try:
        return json.dumps(document).encode()
    except (TypeError, ValueError):
        return json.dumps({**document, "metadata": {}}).encode()
