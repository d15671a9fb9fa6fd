"""The parent's side of a job: keep a deadline, listen, and survive whatever workers do."""

from __future__ import annotations

import contextlib
import json
import queue
import re
import secrets
import signal
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

from nnlint.verify.processes import NotStarted, Question, Workers

SHARE = 0.7
"""Of the time for a probe: from then on it ends with what it knows, and tells it."""
OnEvent = Callable[[dict[str, Any]], None]


@dataclass(frozen=True, slots=True)
class ProbeResult:
    """One probe's answer, or why there is none."""

    probe: str
    status: str
    summary: str
    evidence: dict[str, Any] = field(default_factory=dict)
    seconds: float = 0.0


@dataclass(slots=True)
class Outcome:
    """All that came of one target."""

    results: list[ProbeResult] = field(default_factory=list)
    built: dict[str, Any] = field(default_factory=dict)
    """How the model was built, from the `built` event."""
    failure: dict[str, Any] = field(default_factory=dict)
    """`stage` and `reason`, when nothing could be built."""
    environment: dict[str, Any] = field(default_factory=dict)
    loaded: dict[str, Any] = field(default_factory=dict)
    """What the first batch of the user's loader holds, from the `loaded` event."""
    skipped: list[str] = field(default_factory=list)
    """Probes that were only to be asked of models of another kind."""


@dataclass(frozen=True, slots=True)
class Limits:
    """What a worker may use."""

    timeout: float = 120.0
    """Seconds without a new answer after which the worker is ended."""
    memory: int | None = 8 * 2**30
    """Bytes of address space; not applied where CUDA runs."""
    allow_network: bool = False
    until: float | None = None
    """When all of it must have ended, as `time.monotonic()` has it."""

    @property
    def left(self) -> float:
        """Seconds until then."""
        return float("inf") if self.until is None else max(0.0, self.until - time.monotonic())


TIME_IS_UP = "the time was up"


def run_job(
    python: str,
    job: dict[str, Any],
    limits: Limits,
    on_event: OnEvent | None = None,
    workers: Workers | None = None,
) -> Outcome:
    """Run the probes of a job; a worker that ends early costs only the probe it was at.

    Parameters:
        python: the interpreter that has torch and the project's packages.
        job: `target`, `probes`, and what else the worker reads.
        workers: processes of that interpreter to use; else it is started for this job.
    """
    if workers is None:
        with Workers(python, limits.timeout) as own:
            return run_job(python, job, limits, on_event, own)
    outcome = Outcome()
    remaining = list(job["probes"])
    while remaining:
        before = len(remaining)
        run = _Run(limits, outcome, on_event)
        reason = run.over(workers, {**job, "probes": remaining})
        answered = {r.probe for r in outcome.results}
        remaining = [p for p in remaining if p not in answered and p not in outcome.skipped]
        if outcome.failure or not reason:
            break
        if run.at in ("", "build", "loader") or run.at not in remaining:
            outcome.failure = outcome.failure or {"stage": run.at or run.stage, "reason": reason}
            break
        outcome.results.append(run.known(reason))
        remaining.remove(run.at)
        if not limits.left:
            outcome.results += [ProbeResult(p, "INCONCLUSIVE", TIME_IS_UP) for p in remaining]
            return outcome
        assert len(remaining) < before
    why = outcome.failure.get("reason", "the worker ended before this probe")
    outcome.results += [ProbeResult(p, "INCONCLUSIVE", why) for p in remaining]
    return outcome


class _Run:
    """One worker, from its job to its end."""

    def __init__(self, limits: Limits, outcome: Outcome, on_event: OnEvent | None) -> None:
        self.limits, self.outcome, self.on_event = limits, outcome, on_event
        self.at = ""
        """The probe, or `build`, that it is at."""
        self.stage = "start"
        self._partial: ProbeResult | None = None

    def over(self, workers: Workers, job: dict[str, Any]) -> str:
        """Let it run. Returns why it ended early, or nothing."""
        # what else gets into the pipe is no answer
        token = secrets.token_hex(8)
        limits = self.limits
        full = {
            "token": token,
            "memory": limits.memory,
            "allow_network": limits.allow_network,
            "cpu": int(limits.timeout * (len(job["probes"]) + 1) * 2),
            "probe_seconds": SHARE * limits.timeout,
            "seconds_left": None if limits.until is None else limits.left,
            **job,
        }
        try:
            with workers.question() as question:
                full["scratch"] = question.scratch
                tail = bytearray()
                errors = threading.Thread(
                    target=_read_tail, args=(question.errors, tail), daemon=True
                )
                errors.start()
                reason = self._converse(question, full, token)
            errors.join(1.0)
        except NotStarted as error:
            self.stage = error.stage
            return str(error)
        return _cause_of_death(question.code, bytes(tail)) if reason is None else reason

    def known(self, reason: str) -> ProbeResult:
        """What is known of the probe that it did not get through: its last word, if any."""
        partial = self._partial
        if partial is None or partial.probe != self.at:
            return ProbeResult(self.at, "INCONCLUSIVE", reason)
        return replace(partial, summary=f"{partial.summary} ({reason})")

    def _converse(self, question: Question, job: dict[str, Any], token: str) -> str | None:
        """Why it is to be ended, nothing when it is done, None when it ended itself."""
        lines: queue.Queue[bytes | None] = queue.Queue()
        threading.Thread(target=_read_lines, args=(question.answers, lines), daemon=True).start()
        with contextlib.suppress(BrokenPipeError, OSError):
            question.job.write(json.dumps(job).encode() + b"\n")
            question.job.flush()
        timeout = self.limits.timeout
        deadline = time.monotonic() + timeout
        while True:
            try:
                wait = min(deadline - time.monotonic(), self.limits.left)
                line = lines.get(timeout=max(0.0, wait))
            except queue.Empty:
                if not self.limits.left:
                    return TIME_IS_UP
                return f"no answer within {timeout:g} s (--timeout)"
            if line is None:
                return None
            event = _event(line, token)
            if event is None:
                continue
            if event["event"] != "partial":
                deadline = time.monotonic() + timeout
            if event["event"] == "start":
                self.at = str(event.get("probe", ""))
            elif event["event"] == "done":
                return ""
            elif event["event"] == "partial":
                self._partial = _result(event) or self._partial
            _note(event, self.outcome)
            if self.on_event:
                self.on_event(event)


def _event(line: bytes, token: str) -> dict[str, Any] | None:
    """A worker's message; anything else that got into the pipe is no news."""
    try:
        event = json.loads(line)
    except (ValueError, RecursionError):
        return None
    if not isinstance(event, dict) or event.pop("token", None) != token:
        return None
    return event if isinstance(event.get("event"), str) else None


def _note(event: dict[str, Any], outcome: Outcome) -> None:
    fields = {k: v for k, v in event.items() if k != "event"}
    if event["event"] == "answer":
        result = _result(event)
        outcome.results += [result] if result else []
    elif event["event"] == "skipped":
        outcome.skipped.append(str(event.get("probe", "")))
    elif event["event"] == "built":
        outcome.built = fields
    elif event["event"] == "loaded":
        outcome.loaded = fields
    elif event["event"] == "failed":
        outcome.failure = fields
    elif event["event"] == "ready":
        outcome.environment = fields


def _result(event: dict[str, Any]) -> ProbeResult | None:
    """An answer; none for a forged or broken one, whose probe stays unanswered."""
    try:
        return ProbeResult(
            str(event["probe"]),
            str(event["status"]),
            str(event["summary"]),
            dict(event["evidence"]),
            float(event["seconds"]),
        )
    except (KeyError, TypeError, ValueError):
        return None


def _read_lines(stream: Any, lines: queue.Queue[bytes | None]) -> None:
    with contextlib.suppress(ValueError, OSError):
        # a line without end would fill our own memory
        while line := stream.readline(32 * 2**20):
            lines.put(line)
    lines.put(None)


def _read_tail(stream: Any, tail: bytearray) -> None:
    with contextlib.suppress(ValueError, OSError):
        while chunk := stream.read1(65536):
            tail += chunk
            del tail[:-8192]


def _cause_of_death(code: int | None, tail: bytes) -> str:
    if code is None:
        return "the worker went silent, and so did the process that starts workers"
    text = tail.decode("utf-8", "replace").strip()
    last = text.splitlines()[-1][:300] if text else ""
    if re.search(r"MemoryError|bad_alloc|can't allocate memory|Memory allocation", text[-2000:]):
        return "the worker ran out of memory under the limit (--memory), which says nothing of the model"
    if code < 0:
        try:
            name = signal.Signals(-code).name
        except ValueError:
            name = f"signal {-code}"
        hint = {
            "SIGKILL": ", as the system does when memory runs out",
            "SIGXCPU": ", its CPU time is used up",
        }
        return f"the worker was ended by {name}{hint.get(name, '')}"
    return f"the worker ended with status {code}" + (f": {last}" if last else "")
