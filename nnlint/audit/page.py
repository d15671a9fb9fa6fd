"""An audit as one page for a browser, with pictures."""

from __future__ import annotations

from typing import Any, TextIO

import numpy as np

from nnlint.audit.auditing import Audit
from nnlint.audit.finding import AuditFinding
from nnlint.audit.pictures import Picture, batch_view, example_pictures, example_texts
from nnlint.audit.report import examples, headline, split_rows, summary, where
from nnlint.audit.table import Collected, Part
from nnlint.audit.telling import class_name
from nnlint.report.pages import Markup, data_uri, line_plot, render

_MOST_CLASSES = 30


def write_page(audit: Audit, stream: TextIO) -> None:
    """Write the report as a page that needs nothing else."""
    data = audit.data
    stream.write(
        render(
            "audit.html.jinja",
            target=audit.target,
            headline=headline(audit),
            summary=f"{summary(audit)} in {audit.seconds:.1f} s.",
            splits=list(split_rows(data)) if data is not None else [],
            findings=[_finding(data, finding) for finding in audit.findings],
            batches=_batches(data) if data is not None else [],
            histograms=_histograms(data) if data is not None else [],
            remarks=[("note", note) for note in audit.notes],
        )
    )


def _finding(data: Collected | None, finding: AuditFinding) -> dict[str, Any]:
    pictures = example_pictures(data, finding) if data is not None else []
    return {
        "level": finding.level.value,
        "kind": finding.kind,
        "where": where(finding),
        "message": finding.message,
        "examples": examples(finding, 12),
        "pictures": list(map(_shown, pictures)),
        "texts": example_texts(data, finding) if data is not None else [],
    }


def _shown(picture: Picture) -> tuple[str, str]:
    return data_uri(picture.png, "image/png"), picture.caption


def _batches(data: Collected) -> list[dict[str, Any]]:
    found = []
    for part in data.splits:
        view = batch_view(data, part)
        if view is not None:
            found.append(
                {
                    "split": part.name,
                    "told": view.told,
                    "pictures": list(map(_shown, view.pictures)),
                    "texts": view.texts,
                    "plot": _plot(part, view.histogram),
                }
            )
    return found


def _plot(part: Part, points: tuple[tuple[float, float], ...]) -> Markup | str:
    if not points:
        return ""
    title = f"Values of the first batch of {part.name}"
    return line_plot({part.name: points}, title, "value", "share", logarithmic=False)


def _histograms(data: Collected) -> list[tuple[str, list[tuple[str, int]]]]:
    """Samples by class, of each split."""
    found = []
    for part in data.splits:
        if part.labels is None or not part.label_is_class:
            continue
        told = part.labels[np.isfinite(part.labels)]
        values, sizes = np.unique(told, return_counts=True)
        rows = [(class_name(data, v), int(s)) for v, s in zip(values, sizes, strict=True)]
        if len(rows) > _MOST_CLASSES:
            rows = sorted(rows, key=lambda row: -row[1])[:_MOST_CLASSES]
        found.append((part.name, rows))
    return found
