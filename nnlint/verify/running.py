"""From targets to outcomes: what the commands share."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from nnlint.source.reading import decode
from nnlint.verify.environment import choose_python
from nnlint.verify.knowledge import knowledge_of
from nnlint.verify.processes import Workers
from nnlint.verify.session import Limits, OnEvent, Outcome, run_job
from nnlint.verify.targets import Target


@dataclass(frozen=True, slots=True)
class Conditions:
    """How to verify: interpreter, limits, device, and what the configuration says."""

    python: str
    limits: Limits
    device: str = "auto"
    seed: int = 0
    configured: Mapping[str, Any] = field(default_factory=dict)
    """`[tool.nnlint.verify."pkg.model:Net"]`: arguments, inputs and options by target."""
    overlay: Mapping[str, bytes] = field(default_factory=dict)
    """The content of files, by absolute path, that is to be run in place of what is on disk."""
    workers: Workers | None = None
    """The processes of a run, where it has several questions: see `working`."""
    _known: dict[Target, dict[str, Any]] = field(default_factory=dict, repr=False, compare=False)

    @classmethod
    def of(cls, options: Mapping[str, Any], configured: Mapping[str, Any]) -> Conditions:
        """The conditions that command-line options ask for."""
        limits = Limits(
            options["timeout"], int(options["memory"] * 2**30), options["allow_network"]
        )
        python = choose_python(options["python"], Path.cwd())
        return cls(python, limits, options["device"], options["seed"], configured)

    @contextlib.contextmanager
    def working(self) -> Iterator[Conditions]:
        """The same conditions with processes that serve all questions asked meanwhile."""
        if self.workers is not None:
            yield self
            return
        with Workers(self.python, self.limits.timeout) as workers:
            yield replace(self, workers=workers)

    def over(self, contents: Mapping[str, bytes]) -> Conditions:
        """The same conditions for files with another content; what is known of them stays."""
        return replace(self, overlay=contents)

    def knowledge(self, target: Target) -> dict[str, Any]:
        """What the project knows of a target, looked for once."""
        if target not in self._known:
            self._known[target] = knowledge_of(target)
        return self._known[target]

    def settings(self, target: Target) -> dict[str, Any]:
        """What the configuration says of a target, by its full or its last names."""
        for key, value in self.configured.items():
            place, _, name = key.rpartition(":")
            if name != target.name or not isinstance(value, dict):
                continue
            path = (target.file or target.module).removesuffix(".py").replace("/", ".")
            if not place or path.endswith(place.removesuffix(".py").replace("/", ".")):
                return value
        return {}


def verify_target(
    target: Target,
    probes: list[str],
    conditions: Conditions,
    options: Mapping[str, Any],
    given: Mapping[str, Any] | None = None,
    on_event: OnEvent | None = None,
    if_meant: Sequence[str] = (),
    data: Mapping[str, Any] | None = None,
) -> Outcome:
    """Build a target and run probes on it.

    Parameters:
        options: of the probes: see `Options` in runtime/subject.py.
        given: `args`, `kwargs` and `inputs` from the command line, over the configuration's.
        if_meant: probes that are asked only where the class says that it is meant to be so.
        data: `loader`, `criterion` and `inner_loss`, as the worker reads them.
    """
    known = {**conditions.settings(target), **(given or {})}
    names = ("axis", "causal", "loss", "time_axis", "steps")
    probe_options: dict[str, Any] = {name: known[name] for name in names if name in known}
    if probe_options.get("causal") or options.get("causal"):
        if_meant = [p for p in if_meant if p != "causality"]
    job = {
        "target": target.as_job(),
        "probes": probes,
        "if_meant": list(if_meant),
        "overlay": {path: decode(raw) for path, raw in conditions.overlay.items()},
        "device": conditions.device,
        "path": [str(p) for p in (Path.cwd(), Path.cwd() / "src") if p.is_dir()],
        "args": known.get("positional"),
        "kwargs": known.get("args"),
        "inputs": _inputs(known.get("inputs")),
        "options": {**probe_options, **options, "seed": conditions.seed},
        "knowledge": conditions.knowledge(target),
        "build_budget": max(5.0, 0.6 * conditions.limits.timeout),
        **(data or {}),
    }
    return run_job(conditions.python, job, conditions.limits, on_event, conditions.workers)


def _inputs(given: Any) -> list[dict[str, Any]] | None:
    """Inputs as the worker takes them: `[4, 3, 32, 32]`, or a table with shape and dtype."""
    if not given:
        return None
    return [dict(i) if isinstance(i, dict) else {"shape": list(i)} for i in given]
