"""What an audit says: on a terminal, as Markdown, as JSON."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, TextIO

import numpy as np

from nnlint.audit.auditing import Audit
from nnlint.audit.finding import AuditFinding, few, plural
from nnlint.audit.parts import Kind
from nnlint.audit.table import Collected, Part
from nnlint.audit.telling import class_name, number
from nnlint.finding import Level
from nnlint.text import json_text, plain

if TYPE_CHECKING:
    from rich.console import Console
    from rich.padding import Padding

_STYLES = {Level.ERROR: "bold red", Level.WARNING: "yellow", Level.ADVICE: "blue"}
_MOST_CHANNELS = 64


def write_terminal(audit: Audit, stream: TextIO, color: bool, width: int) -> None:
    """Write the report as text."""
    from rich.text import Text

    from nnlint.report.console import console_on

    console = console_on(stream, color, width)
    console.print(Text(plain(headline(audit)), style="bold"))
    if audit.data is not None:
        _splits(console, audit.data)
    for finding in audit.findings:
        console.print()
        console.print(
            Text.assemble(
                (finding.level.value, _STYLES[finding.level]),
                (f" {finding.kind}", "bold"),
                f"  {plain(where(finding))}",
            )
        )
        console.print(_set_in(finding.message))
        listed = examples(finding)
        if listed:
            console.print(_set_in(listed, "dim"))
    if audit.notes:
        console.print()
    for note in audit.notes:
        console.print(Text(plain(f"note: {note}"), style="dim"))
    console.print()
    console.print(Text(f"{summary(audit)} in {audit.seconds:.1f} s", style="bold"))


def _set_in(text: str, style: str = "") -> Padding:
    """Text that is set in on each of its lines."""
    from rich.padding import Padding
    from rich.text import Text

    return Padding(Text(plain(text), style=style), (0, 0, 0, 2), expand=False)


def _splits(console: Console, data: Collected) -> None:
    from rich import box
    from rich.table import Table

    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, show_edge=False)
    table.add_column("split")
    table.add_column("samples", justify="right")
    table.add_column("labels", overflow="fold")
    table.add_column("inputs", overflow="fold")
    for row in split_rows(data):
        table.add_row(*map(plain, row))
    console.print(table)


def split_rows(data: Collected) -> Iterator[tuple[str, str, str, str]]:
    """Name, samples, labels and inputs of each split, in words."""
    for part in data.splits:
        yield part.name, f"{part.count:,}", labels_in_words(data, part), inputs_in_words(data, part)


def headline(audit: Audit) -> str:
    """The target, and what it holds."""
    if audit.data is None:
        return f"{audit.target}: no sample could be read"
    data = audit.data
    count = sum(part.count for part in data.splits)
    what = {
        Kind.IMAGE: "picture",
        Kind.AUDIO: "sound",
        Kind.TEXT: "text",
        Kind.IDS: "sequence of tokens",
        Kind.TABLE: "row",
        Kind.OTHER: "sample",
    }[data.kind]
    several = "sequences of tokens" if data.kind is Kind.IDS else ""
    told = plural(count, what, several)
    if data.kind is Kind.TABLE and data.features:
        told += f" of {plural(len(data.features), 'feature')}"
    if any(part.label_is_class for part in data.splits):
        told += f", {plural(len(data.classes), 'class', 'classes')}"
    elif data.splits[0].masks is not None:
        told += " with masks"
    return f"{audit.target}: {told}"


def labels_in_words(data: Collected, part: Part) -> str:
    """How many samples each class has, or the range of targets."""
    if part.labels is None:
        return "with masks" if part.masks is not None else "none"
    told = part.labels[np.isfinite(part.labels)]
    if not len(told):
        return "none"
    if not part.label_is_class:
        return f"{number(told.min())} to {number(told.max())}"
    values, sizes = np.unique(told, return_counts=True)
    order = np.argsort(-sizes, kind="stable")
    return few([f"{class_name(data, values[i])} {sizes[i]:,}" for i in order], 5)


def inputs_in_words(data: Collected, part: Part) -> str:
    """Shape, range, mean and deviation of the inputs."""
    shape = part.shapes[0] if part.shapes and len(set(part.shapes)) == 1 else ""
    channels = part.channels
    if data.kind is Kind.TABLE:
        return shape or plural(len(data.features), "feature")
    if channels is None or not len(channels.count):
        return shape
    low, high = float(channels.lowest.min()), float(channels.highest.max())
    means = few([number(float(m)) for m in channels.mean], 3)
    spreads = few([number(float(s)) for s in channels.spread], 3)
    shown = f"{number(low)} to {number(high)}, mean {means}, deviation {spreads}"
    return f"{shape}, {shown}" if shape else shown


def where(finding: AuditFinding) -> str:
    """The split, or the two splits, that a finding is about."""
    return f"{finding.split} / {finding.other_split}" if finding.other_split else finding.split


def examples(finding: AuditFinding, most: int = 6) -> str:
    """The first examples or pairs of a finding, where its message does not name them."""
    if finding.pairs:
        names = finding.names
        if names:
            pairs = [f"{a} = {b}" for a, b in zip(names[::2], names[1::2], strict=True)]
        else:
            pairs = [f"{a} = {b}" for a, b in finding.pairs]
        shown = few(pairs[:most], most)
        more = (finding.count or len(pairs)) - most
        return f"{shown} and {more:,} more" if more > 0 else shown
    return ""


def summary(audit: Audit) -> str:
    """How many findings there are, by their levels."""
    counts = Counter(finding.level for finding in audit.findings)
    if not counts:
        return "Found nothing" if audit.data is not None else "Nothing was read"
    nouns = {Level.ERROR: "error", Level.WARNING: "warning"}
    told = [
        plural(counts[level], nouns[level]) if level in nouns else f"{counts[level]} advice"
        for level in _STYLES
        if counts[level]
    ]
    return f"Found {', '.join(told)}"


def as_data(audit: Audit) -> dict[str, Any]:
    """The report as plain data, for `--output-format json`."""
    data = audit.data
    return {
        "target": audit.target,
        "input": data.kind.value if data is not None else None,
        "splits": [_split(data, part) for part in data.splits] if data is not None else [],
        "findings": [finding.as_data() for finding in audit.findings],
        "notes": audit.notes,
    }


def _split(data: Collected, part: Part) -> dict[str, Any]:
    labels: dict[str, int] | None = None
    if part.labels is not None and part.label_is_class:
        values, sizes = np.unique(part.labels[np.isfinite(part.labels)], return_counts=True)
        labels = {class_name(data, v): int(s) for v, s in zip(values, sizes, strict=True)}
    channels = part.channels
    told = []
    if channels is not None and len(channels.count) <= _MOST_CHANNELS:
        told = [
            {
                "mean": _finite(m),
                "deviation": _finite(s),
                "lowest": _finite(a),
                "highest": _finite(b),
            }
            for m, s, a, b in zip(
                channels.mean, channels.spread, channels.lowest, channels.highest, strict=True
            )
        ]
    return {
        "split": part.name,
        "samples": part.count,
        "total": part.info.total,
        "labels": labels,
        "channels": told,
    }


def _finite(value: float) -> float | None:
    return float(value) if np.isfinite(value) else None


def write_json(audit: Audit, stream: TextIO) -> None:
    """Write the report as JSON (docs/schemas/audit.schema.json)."""
    stream.write(json_text(as_data(audit), indent=2) + "\n")


def write_markdown(audit: Audit, stream: TextIO) -> None:
    """Write the report for a pull request or a README."""
    lines = [f"## {_cell(headline(audit))}", ""]
    if audit.data is not None:
        lines += ["| split | samples | labels | inputs |", "|---|--:|---|---|"]
        lines += [f"| {' | '.join(map(_cell, row))} |" for row in split_rows(audit.data)]
        lines.append("")
    if audit.findings:
        lines += ["| level | kind | split | finding |", "|---|---|---|---|"]
    for finding in audit.findings:
        told = finding.message
        listed = examples(finding, 3)
        told += f" ({listed})" if listed else ""
        cells = (
            f"**{finding.level.value}**",
            f"`{finding.kind}`",
            _cell(where(finding)),
            _cell(told),
        )
        lines.append(f"| {' | '.join(cells)} |")
    lines += ["", *(f"> {_cell(note)}\n" for note in audit.notes), f"{summary(audit)}.", ""]
    stream.write("\n".join(lines))


def _cell(text: str) -> str:
    return plain(text).replace("|", "\\|").replace("<", "&lt;")
