"""What a client can do about findings: mend them, have them ignored, have them proven."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Any

from lsprotocol import types as lsp

from nnlint.finding import Applicability, Finding
from nnlint.fixing import REMARKS
from nnlint.ignoring import commented
from nnlint.offering import Offers
from nnlint.rewriting import ChangeRefused
from nnlint.server.buffers import Buffer, Buffers
from nnlint.server.texts import edits_between
from nnlint.silence import FATAL
from nnlint.source.file import SourceError
from nnlint.source.notebook import code_cells
from nnlint.source.reading import decode
from nnlint.source.rewrite import RewriteError, rewritten

VERIFY = "nnlint.verify"
FIX_ALL = "nnlint.fixAll"
FIX_ALL_KIND = "source.fixAll.nnlint"


def touched(
    findings: Iterable[Finding], buffers: Buffers, uri: str, range: lsp.Range
) -> list[Finding]:
    """The findings of a text that a range touches."""
    found = []
    for finding in findings:
        path = os.path.abspath(finding.filename)
        if buffers.uri(path, finding.cell) != uri:
            continue
        place = buffers.ruler(path, finding.cell).range(finding.start, finding.end)
        if _before(place.start, range.end) and _before(range.start, place.end):
            found.append(finding)
    return found


def _before(one: lsp.Position, other: lsp.Position) -> bool:
    return (one.line, one.character) <= (other.line, other.character)


class Actions:
    """The actions for what is open, of which each says what it changes.

    Parameters:
        versioned: whether the client follows changes of documents by their versions.
    """

    def __init__(self, buffers: Buffers, versioned: bool) -> None:
        self._buffers = buffers
        self._versioned = versioned
        self._offers = Offers()
        self._offered: tuple[str, bytes] | None = None
        """The file, and what it held, whose edits are known."""

    def of(
        self,
        buffer: Buffer,
        uri: str,
        findings: Sequence[Finding],
        diagnostics: Sequence[lsp.Diagnostic],
        wanted: Sequence[str] | None,
    ) -> list[lsp.Command | lsp.CodeAction]:
        """What can be done about findings.

        Parameters:
            uri: the text that was asked about.
            diagnostics: those that the client shows there.
            wanted: the kinds of actions that it asks for; None for all.
        """
        made: list[lsp.Command | lsp.CodeAction] = []
        raw = buffer.raw
        if self._offered != (buffer.path, raw):
            self._offers, self._offered = Offers(), (buffer.path, raw)
        quick = _wants(wanted, lsp.CodeActionKind.QuickFix)
        for finding in findings if quick else ():
            shown = [d for d in diagnostics if d.code == finding.code] or None
            made += self._for(buffer, raw, finding, shown)
        if quick or _wants(wanted, lsp.CodeActionKind.Empty):
            made += [self._verify(f, uri) for f in findings if f.probe and f.cell is None]
        return made

    def _for(
        self,
        buffer: Buffer,
        raw: bytes,
        finding: Finding,
        shown: list[lsp.Diagnostic] | None,
    ) -> list[lsp.CodeAction]:
        made = []
        edit = self._fix(buffer, raw, finding)
        if finding.fix is not None and edit is not None:
            safe = finding.fix.applicability is Applicability.SAFE
            title = f"{finding.fix.title}{'' if safe else ' (unsafe: look at what it changes)'}"
            made.append(_quick(title, edit, shown, safe))
        if finding.code not in FATAL | REMARKS:
            edit = self._ignore(buffer, raw, finding)
            if edit is not None:
                made.append(_quick(f"Ignore {finding.name} here", edit, shown, False))
        return made

    def _fix(self, buffer: Buffer, raw: bytes, finding: Finding) -> lsp.WorkspaceEdit | None:
        if finding.fix is None:
            return None
        try:
            edits = self._offers.edits(finding, {buffer.path: raw})
            return self.edit(buffer, raw, rewritten(raw, buffer.path, edits))
        except (ChangeRefused, RewriteError, SourceError, OSError):
            return None

    def _ignore(self, buffer: Buffer, raw: bytes, finding: Finding) -> lsp.WorkspaceEdit | None:
        try:
            made, left = commented(raw, buffer.path, [finding])
        except (RewriteError, SourceError):
            return None
        return None if left or made == raw else self.edit(buffer, raw, made)

    def _verify(self, finding: Finding, uri: str) -> lsp.Command:
        title = f"Verify {finding.name}: run the code that it is about"
        return lsp.Command(title, VERIFY, arguments=[target(finding, uri)])

    def edit(self, buffer: Buffer, before: bytes, after: bytes) -> lsp.WorkspaceEdit | None:
        """The change of what is open that makes one content of another; None where none does."""
        edits: dict[str, list[lsp.TextEdit]] = {}
        encoding = self._buffers.encoding
        for text in buffer.texts:
            was, now = _text(before, text.cell), _text(after, text.cell)
            if text.text != was:
                # it has changed meanwhile
                return None
            changes = edits_between(was, now, encoding)
            if changes:
                edits[text.uri] = changes
        if not edits:
            return None
        if not self._versioned:
            return lsp.WorkspaceEdit(changes=edits)
        versions = {text.uri: text.version for text in buffer.texts}
        return lsp.WorkspaceEdit(
            document_changes=[
                lsp.TextDocumentEdit(
                    lsp.OptionalVersionedTextDocumentIdentifier(uri, versions[uri]), [*changes]
                )
                for uri, changes in edits.items()
            ]
        )


def _text(raw: bytes, cell: int | None) -> str:
    return decode(raw) if cell is None else dict(code_cells(raw)).get(cell, "")


def _quick(
    title: str, edit: lsp.WorkspaceEdit, shown: list[lsp.Diagnostic] | None, preferred: bool
) -> lsp.CodeAction:
    return lsp.CodeAction(
        title,
        kind=lsp.CodeActionKind.QuickFix,
        diagnostics=shown,
        edit=edit,
        is_preferred=preferred or None,
    )


def fix_all(edit: lsp.WorkspaceEdit) -> lsp.CodeAction:
    """The action that makes all safe fixes of a file."""
    return lsp.CodeAction("Make all safe fixes of nnlint", kind=FIX_ALL_KIND, edit=edit)


def wants_fix_all(wanted: Sequence[str] | None) -> bool:
    """Whether a client asks for fixes of the whole file by name: they take linting again."""
    kinds = (FIX_ALL_KIND, "source.fixAll", "source")
    return wanted is not None and any(kind in kinds for kind in wanted)


def _wants(wanted: Sequence[str] | None, kind: str) -> bool:
    return not wanted or kind in wanted


def target(finding: Finding, uri: str) -> dict[str, Any]:
    """What tells a finding from others, as the argument of a command."""
    return {"uri": uri, "code": finding.code, "row": finding.start.row, "cell": finding.cell}


def targeted(findings: Iterable[Finding], buffers: Buffers, told: object) -> Finding | None:
    """The finding that the argument of a command tells; None where there is none."""
    if not isinstance(told, dict):
        return None
    for finding in findings:
        uri = buffers.uri(os.path.abspath(finding.filename), finding.cell)
        if {**told, "uri": str(told.get("uri"))} == target(finding, uri):
            return finding
    return None


def same(one: Finding, other: Finding) -> bool:
    """Whether two findings are one, whatever running the code has shown."""
    return replace(one, verdict=None) == replace(other, verdict=None)
