"""What `nnlint verify` shows and writes."""

from __future__ import annotations

import os
import shutil
import sys
import time
from pathlib import Path
from types import TracebackType
from typing import Any

from rich.console import Console
from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn
from rich.text import Text

from nnlint.report.console import UNBROKEN, console_on
from nnlint.report.pictures import heat_map_png, matrices_of, pictures_of
from nnlint.verify.environment import NAME_ANOTHER
from nnlint.verify.render import code_frame, heat_map
from nnlint.verify.reproducer import reproducer
from nnlint.verify.session import Outcome, ProbeResult
from nnlint.verify.targets import Target

_STYLES = {
    "CONFIRMED": ("✗ CONFIRMED   ", "bold red"),
    # there is no finding that it could refute: what it asks about is in order
    "REFUTED": ("✓ OK          ", "green"),
    "INCONCLUSIVE": ("? INCONCLUSIVE", "yellow"),
    "MEASURED": ("· MEASURED    ", "blue"),
}


class Screen:
    """Progress on stderr while the worker runs, the report on stdout after."""

    def __init__(self, title: str, quiet: bool = False) -> None:
        self.title = title
        shown = sys.stderr.isatty() and not quiet
        self._progress = Progress(
            SpinnerColumn(),
            TextColumn("{task.description}"),
            TimeElapsedColumn(),
            console=Console(stderr=True),
            transient=True,
            disable=not shown,
        )
        self._task = self._progress.add_task(f"verifying {title}", total=None)
        self._started = time.monotonic()

    def __enter__(self) -> Screen:
        self._progress.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._progress.stop()

    def rename(self, title: str) -> None:
        """Say which model runs."""
        self.title = title
        self._progress.update(self._task, description=title)

    def on_event(self, event: dict[str, Any]) -> None:
        """Say which probe runs."""
        if event["event"] == "start":
            self._progress.update(self._task, description=f"{self.title}: {event.get('probe')}")

    def report(self, outcome: Outcome, color: bool) -> None:
        """Write the verdicts with their evidence."""
        # a terminal breaks between words; elsewhere nothing is broken
        width = shutil.get_terminal_size().columns if color else UNBROKEN
        console = console_on(sys.stdout, color, width)
        console.print(Text(self.title, style="bold"))
        if outcome.failure:
            _failure(console, outcome)
            return
        _header(console, outcome)
        for result in outcome.results:
            write_result(console, result)
        seconds = time.monotonic() - self._started
        confirmed = sum(r.status == "CONFIRMED" for r in outcome.results)
        console.print()
        console.print(
            Text(
                f"{_probes(len(outcome.results))} in {seconds:.1f} s, {confirmed} confirmed", "bold"
            )
        )


def _probes(count: int) -> str:
    return f"{count} probe{'s' * (count != 1)}"


def _failure(console: Console, outcome: Outcome) -> None:
    stage, reason = outcome.failure.get("stage"), outcome.failure.get("reason")
    told = {
        "torch": "the interpreter has no torch",
        "load": "the target cannot be loaded",
        "construct": "no constructor arguments were found",
        "inputs": "no inputs were found that it runs on",
        "build": "it cannot be built",
        "device": "the device is not there",
        "loader": "the loader gave no batch",
        "memory": "memory ran out before the probes",
        "sandbox": "the sandbox refused what the model needs",
        "package": "a package is missing",
    }.get(str(stage), "the worker did not get to the probes")
    console.print(Text.assemble(("  ? INCONCLUSIVE  ", "yellow"), told))
    console.print(Text(f"    {reason}"))
    # what the user gave is not told to be given
    given = "with the inputs given" in str(reason) or "with the arguments given" in str(reason)
    help_ = not given and {
        "torch": f"    {NAME_ANOTHER}",
        "start": f"    {NAME_ANOTHER}",
        "construct": "    `--args '{\"width\": 64}'` gives them",
        "inputs": "    `--input 4,3,32,32` gives them, `--input-dtype int64:1000` their types",
    }.get(str(stage))
    if help_:
        console.print(Text(help_, style="dim"))


def _header(console: Console, outcome: Outcome) -> None:
    built = outcome.built
    if not built:
        return
    inputs = ", ".join(str(i) for i in built.get("inputs", []))
    console.print(
        Text(
            f"  built from {built.get('origin')} ({built.get('parameters', 0):,} parameters), "
            f"run on {inputs}",
            style="dim",
        )
    )
    if built.get("arguments"):
        console.print(Text("  " + ", ".join(map(str, built["arguments"])), style="dim"))


def write_result(console: Console, result: ProbeResult) -> None:
    """One probe: its verdict in a line, and pictures where a fault is confirmed."""
    mark, style = _STYLES.get(result.status, (result.status, ""))
    console.print(
        Text.assemble(
            ("  " + mark, style), " ", (f"{result.probe}: ", "bold"), local(result.summary)
        )
    )
    if result.status != "CONFIRMED":
        return
    evidence = result.evidence
    for told in matrices_of(result.probe, "", result.status, evidence):
        console.print()
        console.print(heat_map(told.matrix, told.label, told.causal), no_wrap=True)
        gradients = evidence.get("gradients")
        if isinstance(gradients, list):
            shown = sum(
                float(v) > 0 for i, r in enumerate(gradients) for j, v in enumerate(r) if i != j
            )
            text = (
                f"{shown} of {len(gradients) * (len(gradients) - 1)} pairs show in gradients, too"
            )
            console.print(Text(f"     {text}" if shown else "     gradients do not show it", "dim"))
    culprit = evidence.get("culprit")
    if culprit and culprit.get("place"):
        console.print()
        name = local(culprit["place"]["filename"])
        width = console.width if console.is_terminal else None
        console.print(Text(code_frame(culprit, name=name, width=width)), soft_wrap=True)
        for other in culprit.get("others", []):
            place = other.get("place") or {}
            where = f"{local(place.get('filename', ''))}:{place.get('row')}"
            console.print(
                Text(f"      also at {where}: {other['kind']} by {other['operation']}", "dim")
            )
    if culprit:
        console.print()


def local(text: str) -> str:
    """Text with paths below the current folder made relative."""
    return text.replace(str(Path.cwd()) + os.sep, "")


def as_data(target: Target, outcome: Outcome) -> dict[str, Any]:
    """The outcome as plain data, for `--output-format json`."""
    return {
        "target": target.title,
        "built": outcome.built,
        "failure": outcome.failure or None,
        "environment": outcome.environment,
        "results": [
            {
                "probe": r.probe,
                "status": r.status,
                "summary": r.summary,
                "evidence": r.evidence,
                "seconds": r.seconds,
            }
            for r in outcome.results
        ],
    }


def write_outputs(folder: Path, target: Target, outcome: Outcome) -> list[Path]:
    """Write pictures and the reproducer; returns the files."""
    folder.mkdir(parents=True, exist_ok=True)
    written: list[Path] = []
    for result in outcome.results:
        written += write_evidence(folder, target, outcome.built, result)
    return written


def write_evidence(
    folder: Path, target: Target, built: dict[str, Any], result: ProbeResult
) -> list[Path]:
    """The files of one probe's evidence."""
    stem = f"{target.name}-{result.probe}"
    evidence = result.evidence
    written: list[Path] = []

    def write(name: str, text: str) -> None:
        path = folder / name
        path.write_text(text, encoding="utf-8")
        written.append(path)

    for slug, svg in pictures_of(
        result.probe, target.name, result.status, result.summary, evidence
    ):
        write(f"{stem}{slug}.svg", svg)
    for told in matrices_of(result.probe, target.name, result.status, evidence):
        if heat_map_png(told.matrix, told.title, folder / f"{stem}.png", told.label, told.causal):
            written.append(folder / f"{stem}.png")
    if result.status == "CONFIRMED" and result.probe == "batch-dependency":
        script = reproducer(target.as_job(), built, evidence)
        if script:
            write(f"reproduce_{target.name}.py", script)
    return written
