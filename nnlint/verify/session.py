"""The parent's side: start workers, keep a deadline, and survive whatever they do."""

from __future__ import annotations

import contextlib
import json
import os
import queue
import re
import secrets
import signal
import subprocess
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

WORKER = Path(__file__).with_name("worker.py")
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


@dataclass(frozen=True, slots=True)
class Limits:
    """What a worker may use."""

    timeout: float = 120.0
    """Seconds without a new answer after which the worker is ended."""
    memory: int | None = 8 * 2**30
    """Bytes of address space; not applied where CUDA runs."""
    allow_network: bool = False


def run_job(
    python: str, job: dict[str, Any], limits: Limits, on_event: OnEvent | None = None
) -> Outcome:
    """Run the probes of a job; a worker that ends early costs only the probe it was at.

    Parameters:
        python: the interpreter that has torch and the project's packages.
        job: `target`, `probes`, and what else the worker reads.
    """
    outcome = Outcome()
    remaining = list(job["probes"])
    while remaining:
        before = len(remaining)
        reason, at = _run_once(python, {**job, "probes": remaining}, limits, outcome, on_event)
        answered = {r.probe for r in outcome.results}
        remaining = [p for p in remaining if p not in answered]
        if outcome.failure or not reason:
            break
        if at in ("", "build") or at not in remaining:
            outcome.failure = outcome.failure or {"stage": at or "start", "reason": reason}
            break
        outcome.results.append(ProbeResult(at, "INCONCLUSIVE", reason))
        remaining.remove(at)
        assert len(remaining) < before
    why = outcome.failure.get("reason", "the worker ended before this probe")
    outcome.results += [ProbeResult(p, "INCONCLUSIVE", why) for p in remaining]
    return outcome


def _run_once(
    python: str, job: dict[str, Any], limits: Limits, outcome: Outcome, on_event: OnEvent | None
) -> tuple[str, str]:
    """One worker. Returns why it ended early, or nothing, and what it was at."""
    with tempfile.TemporaryDirectory(
        prefix="nnlint-verify-", ignore_cleanup_errors=True
    ) as scratch:
        # what else gets into the pipe is no answer
        token = secrets.token_hex(8)
        full = {
            "token": token,
            "memory": limits.memory,
            "allow_network": limits.allow_network,
            "cpu": int(limits.timeout * (len(job["probes"]) + 1) * 2),
            **job,
            "scratch": scratch,
        }
        try:
            process = _start(python)
        except OSError as error:
            return f"{python} cannot be started: {error.strerror}", ""
        with _ended(process):
            return _converse(process, full, token, limits.timeout, outcome, on_event)


def _start(python: str) -> subprocess.Popen[bytes]:
    environment = {
        **os.environ,
        "PYTHONDONTWRITEBYTECODE": "1",
        "CUBLAS_WORKSPACE_CONFIG": ":4096:8",
    }
    return subprocess.Popen(
        [python, str(WORKER)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=environment,
        start_new_session=os.name == "posix",
    )


@contextlib.contextmanager
def _ended(process: subprocess.Popen[bytes]) -> Iterator[None]:
    """Whatever happens, the worker's whole process group is gone afterwards."""
    try:
        yield
    finally:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            if os.name == "posix":
                os.killpg(process.pid, signal.SIGKILL)
            else:
                process.kill()
        process.wait()
        for stream in (process.stdin, process.stdout, process.stderr):
            if stream:
                with contextlib.suppress(OSError):
                    stream.close()


def _converse(
    process: subprocess.Popen[bytes],
    job: dict[str, Any],
    token: str,
    timeout: float,
    outcome: Outcome,
    on_event: OnEvent | None,
) -> tuple[str, str]:
    lines: queue.Queue[bytes | None] = queue.Queue()
    tail = bytearray()
    threading.Thread(target=_read_lines, args=(process.stdout, lines), daemon=True).start()
    errors = threading.Thread(target=_read_tail, args=(process.stderr, tail), daemon=True)
    errors.start()
    assert process.stdin is not None
    with contextlib.suppress(BrokenPipeError, OSError):
        process.stdin.write(json.dumps(job).encode() + b"\n")
        process.stdin.flush()
    at = ""
    deadline = time.monotonic() + timeout
    while True:
        try:
            line = lines.get(timeout=max(0.0, deadline - time.monotonic()))
        except queue.Empty:
            return f"no answer within {timeout:g} s (--timeout)", at
        if line is None:
            errors.join(1.0)
            return _cause_of_death(process, bytes(tail)), at
        event = _event(line, token)
        if event is None:
            continue
        deadline = time.monotonic() + timeout
        if event["event"] == "start":
            at = str(event.get("probe", ""))
        elif event["event"] == "done":
            return "", at
        _note(event, outcome)
        if on_event:
            on_event(event)


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
        try:
            outcome.results.append(
                ProbeResult(
                    str(fields["probe"]),
                    str(fields["status"]),
                    str(fields["summary"]),
                    dict(fields["evidence"]),
                    float(fields["seconds"]),
                )
            )
        except (KeyError, TypeError, ValueError):
            # a forged or broken answer: its probe stays unanswered
            return
    elif event["event"] == "built":
        outcome.built = fields
    elif event["event"] == "failed":
        outcome.failure = fields
    elif event["event"] == "ready":
        outcome.environment = fields


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


def _cause_of_death(process: subprocess.Popen[bytes], tail: bytes) -> str:
    try:
        code = process.wait(timeout=5)
    except subprocess.TimeoutExpired:
        return "the worker closed its pipe and went on"
    text = tail.decode("utf-8", "replace").strip()
    last = text.splitlines()[-1][:300] if text else ""
    if re.search(r"MemoryError|bad_alloc|can't allocate memory|Memory allocation", text[-2000:]):
        return "out of memory under the limit (--memory)"
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
