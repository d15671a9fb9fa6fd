"""Findings as diagnostics of a client."""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import dataclass

from lsprotocol import types as lsp

from nnlint.finding import Finding, Level
from nnlint.server.buffers import Buffers

SOURCE = "nnlint"
SEVERITY = {
    Level.ERROR: lsp.DiagnosticSeverity.Error,
    Level.WARNING: lsp.DiagnosticSeverity.Warning,
    Level.ADVICE: lsp.DiagnosticSeverity.Information,
    Level.PEDANTIC: lsp.DiagnosticSeverity.Hint,
}
UNUSED = frozenset({"NN004"})
"""Findings about what can go, which editors show faded."""


@dataclass(frozen=True, slots=True)
class Capabilities:
    """What a client can show."""

    related: bool = True
    links: bool = True
    tags: bool = True

    @classmethod
    def of(cls, client: lsp.ClientCapabilities) -> Capabilities:
        """What a client says that it can show."""
        document = client.text_document
        told = (document.publish_diagnostics or document.diagnostic) if document else None
        if told is None:
            return cls(False, False, False)
        return cls(
            bool(told.related_information),
            bool(told.code_description_support),
            told.tag_support is not None,
        )


def diagnostic(
    finding: Finding, buffers: Buffers, folder: str, client: Capabilities
) -> lsp.Diagnostic:
    """A finding as a diagnostic of the text that it is in.

    Parameters:
        folder: what names of files are told from.
    """
    path = os.path.abspath(finding.filename)
    ruler = buffers.ruler(path, finding.cell)
    made = lsp.Diagnostic(
        range=ruler.range(finding.start, finding.end),
        message=told(finding, folder),
        severity=SEVERITY[finding.level],
        code=finding.code,
        source=SOURCE,
    )
    if finding.taken_back:
        made.severity = lsp.DiagnosticSeverity.Hint
    if client.links and finding.url:
        made.code_description = lsp.CodeDescription(finding.url)
    if client.tags and finding.code in UNUSED:
        made.tags = [lsp.DiagnosticTag.Unnecessary]
    if client.related and finding.related:
        made.related_information = [
            lsp.DiagnosticRelatedInformation(
                buffers.location(os.path.abspath(r.filename), r.start, r.end, r.cell),
                shortened(r.message, folder),
            )
            for r in finding.related
        ]
    return made


def told(finding: Finding, folder: str) -> str:
    """What a finding says, with what running the code has shown of it."""
    text = f"{shortened(finding.text, folder)} ({finding.name})"
    if finding.verdict is None:
        return text
    summary = shortened(finding.verdict.summary, folder)
    return f"{text}\n{finding.verdict.status}: {summary}"


def shortened(text: str, folder: str) -> str:
    """A text in which files of a folder are told from it, as they are on the command line."""
    return text.replace(folder.rstrip(os.sep) + os.sep, "") if folder else text


def by_uri(
    findings: Iterable[Finding],
    uris: Iterable[str],
    buffers: Buffers,
    folder: str,
    client: Capabilities,
) -> dict[str, list[lsp.Diagnostic]]:
    """The diagnostics of each text, with those that have none.

    Parameters:
        uris: texts of which it is known by now whether they have some.
    """
    found: dict[str, list[lsp.Diagnostic]] = {uri: [] for uri in uris}
    for finding in findings:
        uri = buffers.uri(os.path.abspath(finding.filename), finding.cell)
        found.setdefault(uri, []).append(diagnostic(finding, buffers, folder, client))
    return found
