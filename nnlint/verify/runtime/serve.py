"""The worker's life: read a job, guard, build, run the probes, tell each answer at once."""

from __future__ import annotations

import contextlib
import json
import math
import os
import sys
import time
import traceback
from typing import Any, Callable

Send = Callable[..., None]


def main() -> int:
    """Serve one job from stdin; the exit status is 0 unless the worker itself is at fault."""
    job = json.loads(sys.stdin.readline())
    send = _take_stdout(job.pop("token", ""))
    from .sandbox import Guard, leave_network, limit_resources, lock_files

    on_cuda = job.get("device") == "cuda"
    limit_resources(None if on_cuda else job.get("memory"), job.get("cpu"))
    isolated = False if job.get("allow_network") else leave_network()
    try:
        import torch
    except ImportError as error:
        send("failed", stage="torch", reason=f"{sys.executable} has no torch: {error}")
        return 0
    torch.set_num_threads(int(job.get("threads") or 1))
    locked = lock_files(job["scratch"])
    os.chdir(job["scratch"])
    os.environ["TMPDIR"] = job["scratch"]
    for folder in reversed(job.get("path", [])):
        sys.path.insert(0, folder)
    send(
        "ready",
        torch=torch.__version__,
        python=sys.version.split()[0],
        pid=os.getpid(),
        network_namespace=isolated,
        files_locked=locked,
    )
    guard = Guard(job["scratch"], bool(job.get("allow_network")))
    guard.watch_saving(torch.serialization)
    guard.install()
    try:
        _serve(job, send)
    except MemoryError:
        send("failed", stage="memory", reason="out of memory under the limit (--memory)")
    send("done")
    return 0


def _take_stdout(token: str) -> Send:
    """Answers go to the real stdout, marked with the token of the one who asked.

    What the user's code prints goes to stderr.
    """
    channel = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    sys.stdout = sys.stderr

    def send(event: str, **fields: Any) -> None:
        channel.write(json.dumps({"token": token, "event": event, **_plain(fields)}) + "\n")
        channel.flush()

    return send


def _plain(value: Any) -> Any:
    """Data that JSON can hold: infinities as text, unknown objects by their repr."""
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    if isinstance(value, dict):
        return {str(k): _plain(v) for k, v in value.items()}
    if isinstance(value, (list, tuple, set)):
        return [_plain(v) for v in value]
    if value is None or isinstance(value, (str, int, float, bool)):
        return value
    return repr(value)


def _serve(job: dict[str, Any], send: Send) -> None:
    from . import probes
    from .lines import Lines
    from .subject import Options

    options = Options(**job.get("options", {}))
    names = job["probes"]
    subject: Any = None
    if any(getattr(probes.load(n), "NEEDS_MODEL", True) for n in names):
        subject = _build(job, options, send)
        if subject is None:
            return
    for name in names:
        send("start", probe=name)
        started = time.monotonic()
        lines = Lines([tuple(s) for s in options.finding.get("statements", [])])
        with lines.watched():
            answer = _ask(probes.load(name), subject, options)
        if lines.statements and subject is not None:
            _construct(probes.load(name), subject, lines)
            answer.evidence["ran"] = lines.as_dict()
        send(
            "answer",
            probe=name,
            status=answer.status,
            summary=answer.summary,
            evidence=answer.evidence,
            seconds=time.monotonic() - started,
        )


def _ask(probe: Any, subject: Any, options: Any) -> Any:
    from .devices import Device
    from .subject import Subject, inconclusive

    if subject is None:
        subject = Subject(None, None, options)  # type: ignore[arg-type]
        device = Device("cpu")
    else:
        device = subject.runner.device
    try:
        with device.settings():
            return probe.run(subject)
    except MemoryError:
        return inconclusive("out of memory under the limit (--memory)")
    except Exception as error:
        return inconclusive(f"the model raised {_told(error)}", **_place(error))


def _construct(probe: Any, subject: Any, lines: Any) -> None:
    """Where a probe judges what the constructor makes, its lines count as well."""
    if getattr(probe, "CONSTRUCTS", False) and lines.missed and subject.again is not None:
        with lines.watched(), contextlib.suppress(Exception):
            subject.again()


def _told(error: BaseException) -> str:
    return f"{type(error).__name__}: {error}"[:400]


def _place(error: BaseException) -> dict[str, Any]:
    """The user's frame that raised."""
    ours = os.path.dirname(os.path.abspath(__file__))
    frames = [
        f
        for f in traceback.extract_tb(error.__traceback__)
        if not f.filename.startswith(ours) and f"torch{os.sep}" not in f.filename
    ]
    if not frames:
        return {}
    return {"raised": {"filename": frames[-1].filename, "row": frames[-1].lineno}}


def _build(job: dict[str, Any], options: Any, send: Send) -> Any:
    from torch.nn.parameter import is_lazy

    from .construction.building import NotLoaded, build, file_of, subject_of
    from .construction.inlining import NotAlone, importable, inlined

    target = job["target"]
    send("start", probe="build")
    started = time.monotonic()
    try:
        filename = target.get("file") or file_of(target["module"])
        built = build(
            filename,
            target["name"],
            job.get("args"),
            job.get("kwargs"),
            job.get("inputs"),
            options.seed,
            float(job.get("build_budget") or 45),
            job.get("knowledge"),
        )
    except NotLoaded as error:
        send("failed", stage="load", reason=str(error))
        return None
    except Exception as error:
        send("failed", stage="build", reason=_told(error), **_place(error))
        return None
    if built.model is None:
        send("failed", stage="construct", reason=built.problem or "no arguments were found")
        return None
    report: dict[str, Any] = {"origin": built.origin, "arguments": built.arguments}
    report["constructor"] = built.constructor
    try:
        report["source"] = inlined(filename, target["name"])
    except NotAlone as error:
        report["not_alone"] = str(error)
    report["importable"] = importable(filename)
    if built.inputs is None:
        send("failed", stage="inputs", reason=built.problem or "no inputs were found", **report)
        return None
    try:
        subject = subject_of(built, options, job.get("device") or "cpu")
    except ValueError as error:
        send("failed", stage="device", reason=str(error))
        return None
    parameters = sum(p.numel() for p in built.model.parameters() if not is_lazy(p))
    send(
        "built",
        file=filename,
        inputs=built.inputs.describe(),
        parameters=parameters,
        seconds=time.monotonic() - started,
        **report,
    )
    return subject
