"""`nnlint verify PATH`: all models of a file or folder."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click
from rich.text import Text

from nnlint.cli.progress import progress_bar
from nnlint.report.console import UNBROKEN, console_on
from nnlint.report.summary import count
from nnlint.text import plain
from nnlint.verify.catalogue import IF_MEANT
from nnlint.verify.environment import NAME_ANOTHER, NO_INTERPRETER
from nnlint.verify.report import as_data, local, write_outputs
from nnlint.verify.session import ProbeResult
from nnlint.verify.survey import Fault, Model, faults_of, models_in, survey

_GIVEN = ("shapes", "dtypes", "arguments", "axis", "loss", "loader")
"""Options that speak of one model."""


def survey_path(path: str, options: dict[str, Any]) -> int:
    """Probe every model below a path, and report.

    Returns:
        the exit status: 1 where a fault is confirmed, 2 where nothing could be verified.
    """
    from nnlint.config import config_for
    from nnlint.engine import Linter
    from nnlint.source.discovery import MissingPathError
    from nnlint.verify.running import Conditions

    for name in _GIVEN:
        if options[name] not in (None, ()):
            raise click.UsageError(f"{path} may hold many models: name one, as {path}:Net")
    probes = _probes(options)
    config = config_for(Path.cwd())
    linter = Linter(lambda folder: config, cache_dir=None, follows_edits=False)
    try:
        discovered = linter.discover([path])
    except MissingPathError as error:
        raise click.UsageError(str(error)) from error
    models = models_in(discovered.files)
    if not models:
        click.echo(f"there is no model in {path}", err=True)
        return 2
    conditions = Conditions.of(options, dict(config.verify))
    started = time.monotonic()
    probe_options = {"time_axis": options["time_axis"], "causal": options["causal"]}
    if_meant = () if options["probes"] or options["causal"] else IF_MEANT
    with progress_bar(enabled=True, what="Verifying") as on_progress:
        asked = list(
            survey(
                models,
                conditions,
                options["time_limit"],
                probe_options,
                probes,
                on_progress,
                if_meant,
            )
        )
    faults = faults_of(asked, linter.run(discovered).findings)
    if options["output_format"] == "json":
        click.echo(json.dumps(_data(asked, faults), indent=2, ensure_ascii=False))
    else:
        _show(path, asked, faults, time.monotonic() - started)
    if options["verify_output"]:
        for model in (m for m in asked if m.outcome and m.confirmed):
            assert model.outcome is not None
            for written in write_outputs(
                Path(options["verify_output"]), model.target, model.outcome
            ):
                click.echo(f"wrote {written}", err=True)
    if not any(m.built for m in asked):
        if any(m.outcome and m.outcome.failure.get("stage") in NO_INTERPRETER for m in asked):
            click.echo(NAME_ANOTHER, err=True)
        return 2
    return int(bool(faults))


def _probes(options: dict[str, Any]) -> Sequence[str]:
    from nnlint.cli.verify import chosen_probes
    from nnlint.verify.survey import PROBES

    if options["probes"]:
        return chosen_probes(options)
    return [*PROBES, "causality"]


def _data(models: Sequence[Model], faults: Sequence[Fault]) -> dict[str, Any]:
    return {
        "models": [
            as_data(m.target, m.outcome)
            if m.outcome
            else {"target": m.target.title, "failure": {"stage": "time", "reason": m.why_not}}
            for m in models
        ],
        "faults": [
            {
                "target": f.model.target.title,
                "probe": f.result.probe,
                "place": f.place,
                "summary": f.result.summary,
                "through": f.through,
                "findings": f.known,
            }
            for f in faults
        ],
    }


def _show(path: str, models: Sequence[Model], faults: Sequence[Fault], seconds: float) -> None:
    color = sys.stdout.isatty()
    console = console_on(sys.stdout, color, None if color else UNBROKEN)
    console.print(Text(plain(path), style="bold"))
    width = max(len(m.target.name) for m in models)
    for model in models:
        mark, style, told = _line(model)
        name = f"{model.target.name:<{width}}"
        console.print(
            Text.assemble((f"  {mark} ", style), (name, "bold"), f"  {plain(told)}"),
            no_wrap=True,
            overflow="ellipsis",
        )
    for fault in faults:
        console.print()
        place = plain(local(fault.place))
        console.print(Text(f"{place}: {fault.model.target.name}, {fault.result.probe}", "bold red"))
        console.print(Text(f"  {plain(local(fault.result.summary))}"))
        if fault.through:
            console.print(Text(f"  it shows in {', '.join(fault.through)}, too", "dim"))
        rules = f"reported by {', '.join(fault.known)}" if fault.known else "no rule reports it"
        console.print(Text(f"  {rules}", "dim"))
    console.print()
    built = sum(m.built for m in models)
    new = sum(not f.known for f in faults)
    summary = f"{count(len(models), 'model')} in {seconds:.1f} s, {built} built: "
    summary += f"{count(len(faults), 'fault')} confirmed, {new} of them reported by no rule"
    console.print(Text(summary, "bold"))


def _line(model: Model) -> tuple[str, str, str]:
    """Mark, style and text of one model."""
    if not model.built:
        return "-", "dim", f"not built: {model.why_not}"
    shown = [r.probe for r in model.confirmed]
    if shown:
        return "✗", "bold red", f"confirmed: {', '.join(shown)}"
    clean = sum(r.status == "REFUTED" for r in model.results)
    open_ = [r for r in model.results if r.status == "INCONCLUSIVE" and _applies(r, model)]
    if not open_:
        return "✓", "green", f"clean: {count(clean, 'probe')}"
    asked = ", ".join(f"{r.probe}: {r.summary}" for r in open_)
    return ("✓" if clean else "?"), "yellow", f"{clean} clean, inconclusive: {local(asked)}"


def _applies(result: ProbeResult, model: Model) -> bool:
    """Whether a probe had something to look at: without a batch norm no variance can shift."""
    if result.probe == "dead-parameters":
        return bool(model.outcome and model.outcome.built.get("parameters"))
    return result.probe != "variance-shift"
