"""`nnlint recipe --run`: what the verifier shows of the bullets, on the models that a project trains.

Each model runs with its own loss, in the verifier's worker with its limits, on the first batch of
the project's loader where one is named or found, else on made-up inputs. What was measured is
evidence beside that of the source; it takes back nothing that the source contradicts.
"""

from __future__ import annotations

import os
import shlex
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from nnlint.project.modules import ProjectModules
from nnlint.recipe.measured import Curve, Measured, Measurement, Ran
from nnlint.recipe.model import Evidence, Status
from nnlint.verify.loaders import LONGEST_SHARE, Loader
from nnlint.verify.report import local, write_outputs
from nnlint.verify.running import Conditions, verify_target
from nnlint.verify.session import TIME_IS_UP, OnEvent, Outcome, ProbeResult
from nnlint.verify.targets import Target
from nnlint.verify.trained import Schedule, Trained, find_trained

SHORTEST = 5.0
"""Seconds with which it is still worth beginning with a model."""
IF_MEANT = ("causality",)


@dataclass(frozen=True, slots=True)
class Meaning:
    """What the verdict of a probe says of a bullet."""

    bullet: str
    refuted: Status | None = Status.DONE
    """None where that the fault is not there does not make the bullet done."""
    confirmed: Status = Status.CONTRADICTED


MEANINGS = {
    "loss-at-init": Meaning("loss-at-init"),
    "same-seed": Meaning("fixed-seed", None),
    "head-bias": Meaning("good-init", confirmed=Status.MISSING),
    "dead-parameters": Meaning("chart-dependencies", None),
    "batch-dependency": Meaning("chart-dependencies"),
    "causality": Meaning("chart-dependencies"),
    "input-baseline": Meaning("input-independent-baseline"),
    "overfit": Meaning("overfit-one-batch"),
    "lr-schedule": Meaning("decay-defaults"),
}
"""The probes that are run, cheapest first, and the bullets that they are about."""
OF_MODELS = tuple(name for name in MEANINGS if name not in (*IF_MEANT, "lr-schedule"))


OnModel = Callable[[str], None]


def measure(
    files: Sequence[str],
    modules: ProjectModules,
    conditions: Conditions,
    total: float,
    loader: Loader | None = None,
    on_model: OnModel | None = None,
    on_event: OnEvent | None = None,
    output: Path | None = None,
) -> Measured:
    """Run what can be run of the models and schedules that some files train.

    Parameters:
        total: seconds for all of it; what is not reached is said.
        loader: what gives the batches of all models; else each model's own is looked for.
        on_model: told the name of each model before it runs.
        on_event: told what the worker says.
        output: the folder for pictures and reproducers, where they are wanted.
    """
    end = time.monotonic() + total
    found = find_trained(files, modules)
    measured = Measured()
    with conditions.working() as working:
        for schedule in found.schedules:
            if end - time.monotonic() > total / 2:
                _of_schedule(measured, schedule, working, output)
        runner = _Runner(working, end, loader, on_event)
        for number, model in enumerate(found.models):
            if on_model is not None:
                on_model(f"{model.name} ({number + 1} of {len(found.models)})")
            # the time is shared: one slow model leaves some for the others
            runner.deadline = time.monotonic() + (end - time.monotonic()) / (
                len(found.models) - number
            )
            _of_model(measured, model, runner, output)
    return measured


@dataclass(slots=True)
class _Runner:
    """Runs models while there is time, and remembers which loaders give nothing."""

    conditions: Conditions
    end: float
    named: Loader | None
    on_event: OnEvent | None
    deadline: float = 0.0
    broken: dict[str, str] = field(default_factory=dict)
    """Why loaders give no batch, by what they are called."""

    def run(self, model: Trained) -> tuple[Outcome | None, str, str]:
        """The outcome, what it was fed with, and what kept it from its data."""
        assert model.target is not None
        loader = self.named or _own_loader(model)
        problem = self.broken.get(loader.title, "") if loader else ""
        if loader is not None and model.prepared:
            # fed as it comes from the loader, it would be another batch than in training
            problem = f"not fed with {loader.title}: batches are changed at {model.prepared} first"
        if loader is not None and not problem:
            seconds = LONGEST_SHARE * self._timeout()
            data: dict[str, Any] = {
                "loader": loader.as_job(seconds),
                "criterion": model.criterion,
                "inner_loss": model.by_itself,
            }
            outcome = self._asked(model, data)
            if outcome is None or outcome.failure.get("stage") != "loader":
                return outcome, loader.title, ""
            problem = self.broken[loader.title] = _one_line(outcome.failure.get("reason"))
        return self._asked(model, {}), "", problem

    def _timeout(self) -> float:
        left = self._until() - time.monotonic()
        return min(self.conditions.limits.timeout, max(left / 2, SHORTEST))

    def _until(self) -> float:
        return max(min(self.deadline, self.end), time.monotonic() + SHORTEST)

    def _asked(self, model: Trained, data: dict[str, Any]) -> Outcome | None:
        if self.end - time.monotonic() < SHORTEST:
            return None
        limits = replace(self.conditions.limits, timeout=self._timeout(), until=self._until())
        hurried = replace(self.conditions, limits=limits)
        options = {"loss": model.loss} if model.loss else {}
        probes = [p for p in MEANINGS if p in (*OF_MODELS, *IF_MEANT)]
        given = model.given or None
        assert model.target is not None
        return verify_target(
            model.target, probes, hurried, options, given, self.on_event, IF_MEANT, data
        )


def _own_loader(model: Trained) -> Loader | None:
    """What the program itself takes its batches from, where that is known."""
    return Loader.of_program(model.loader) if model.loader else None


def _of_model(measured: Measured, model: Trained, runner: _Runner, output: Path | None) -> None:
    place = f"{model.filename}:{model.row}"
    ran = Ran(model.name, local(place), local(model.at), local(model.told))
    if model.target is None:
        measured.ran.append(replace(ran, problem=model.why_not))
        return
    outcome, fed, problem = runner.run(model)
    if outcome is None:
        why = "not reached in the time there was (--time-limit)"
        measured.ran.append(replace(ran, problem=why))
        return
    built = outcome.built
    on_data = bool(built.get("step"))
    if fed and not on_data:
        reason = _one_line(built.get("not_on_data") or "it was not built")
        problem = f"{fed} does not feed it: {reason}"
    if outcome.failure:
        problem = "; ".join(filter(None, (problem, _one_line(outcome.failure.get("reason")))))
    told = ""
    if built:
        told = f"built from {built.get('origin')}, {built.get('parameters', 0):,} parameters"
        told += f"; {built['step']}" if on_data else ""
    batch = tuple(str(line) for line in outcome.loaded.get("batch", ()))
    measured.ran.append(
        replace(
            ran,
            built=local(told),
            problem=local(problem),
            batch=batch if on_data else (),
            loader=fed if on_data else "",
        )
    )
    if outcome.failure:
        return
    if output is not None:
        measured.written += write_outputs(output, model.target, outcome)
    on = f"the first batch of {fed}" if on_data else "made-up inputs"
    named = runner.named.text if runner.named is not None else _text(model)
    for result in outcome.results:
        if result.probe in IF_MEANT and result.summary == TIME_IS_UP:
            # whether it is meant to be so was not reached
            continue
        command = _command(model.target, result, model.loss, named if on_data else "")
        _note(measured, result, model.filename, model.row, model.name, on, command)


def _text(model: Trained) -> str:
    own = _own_loader(model)
    return own.text if own is not None else ""


def _of_schedule(
    measured: Measured, schedule: Schedule, conditions: Conditions, output: Path | None
) -> None:
    target = Target("schedule", file=schedule.filename)
    options = {"schedule": schedule.plan}
    outcome = verify_target(target, ["lr-schedule"], conditions, options)
    if output is not None:
        # several files may have one, and several lines
        called = f"{Path(schedule.filename).stem}-{schedule.row}"
        measured.written += write_outputs(output, replace(target, name=called), outcome)
    for result in outcome.results:
        name = f"{schedule.filename}:{schedule.row}"
        _note(measured, result, schedule.filename, schedule.row, name, "", "")


def _note(
    measured: Measured,
    result: ProbeResult,
    filename: str,
    row: int,
    target: str,
    on: str,
    command: str,
) -> None:
    """Keep a result as evidence for its bullet."""
    meaning = MEANINGS.get(result.probe)
    if meaning is None:
        return
    status = {"CONFIRMED": meaning.confirmed, "REFUTED": meaning.refuted}.get(result.status)
    text = local(result.summary)
    measurement = Measurement(
        result.probe,
        local(target),
        result.status,
        text,
        on,
        tuple(_curves(result)),
        _numbers(result.evidence),
        command,
        round(result.seconds, 2),
    )
    evidence = Evidence(
        filename, row, "", f"measured: {text}", status or Status.CANT_TELL, measured=measurement
    )
    measured.add(meaning.bullet, evidence)


def _curves(result: ProbeResult) -> Iterable[Curve]:
    evidence = result.evidence
    for name, points in (evidence.get("curves") or {}).items():
        pairs = _finite(points)
        if pairs:
            yield Curve(str(name), pairs)
    rates = evidence.get("rates")
    if rates:
        pairs = _finite(enumerate(rates))
        yield Curve("learning rate", pairs, "learning rate", str(evidence.get("unit", "epoch")))


def _finite(points: Iterable[Any]) -> tuple[tuple[float, float], ...]:
    """Points that can be drawn; infinities come as text over the pipe."""
    pairs = ((float(x), float(y)) for x, y in points)
    return tuple((x, y) for x, y in pairs if abs(y) < float("inf"))


def _numbers(evidence: dict[str, Any]) -> dict[str, Any]:
    """The plain numbers of a probe's evidence, and its matrix."""
    plain = {k: v for k, v in evidence.items() if isinstance(v, int | float | str)}
    for table in evidence.get("matrices", [])[:1]:
        plain["matrix"] = table["matrix"]
    if "counts" in evidence:
        plain["counts"] = evidence["counts"]
    return plain


def _command(target: Target, result: ProbeResult, loss: str, loader: str) -> str:
    """What runs one probe again."""
    if target.within or not target.file:
        return ""
    words = ["nnlint", "verify", local(os.path.abspath(target.file)) + f":{target.name}"]
    words += ["--probe", result.probe]
    words += ["--loss", loss] if loss else []
    words += ["--loader", loader] if loader else []
    return shlex.join(words)


def _one_line(reason: Any) -> str:
    return " ".join(str(reason).split())[:300]
