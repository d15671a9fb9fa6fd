"""The worker's life: read a job, guard, build, run the probes, tell each answer at once."""

from __future__ import annotations

import contextlib
import json
import math
import os
import sys
import tempfile
import time
import traceback
from functools import partial
from typing import Any, Callable

Send = Callable[..., None]


def main(forked: bool = False) -> int:
    """Serve one job from stdin; the exit status is 0 unless the worker itself is at fault.

    Parameters:
        forked: this process is a fork of the template, which sees to its end.
    """
    job = json.loads(sys.stdin.readline())
    send = _take_stdout(job.pop("token", ""))
    from .leftovers import die_with_parent, die_with_stdin
    from .sandbox import Guard, leave_network, limit_resources, lock_files

    on_cuda = job.get("device") == "cuda"
    limit_resources(None if on_cuda else job.get("memory"), job.get("cpu"))
    isolated = False if job.get("allow_network") else leave_network()
    if forked:
        # entering a namespace forgets what was asked for before
        die_with_parent()
    try:
        import torch
    except ImportError as error:
        send("failed", stage="torch", reason=f"{sys.executable} has no torch: {error}")
        return 0
    torch.set_num_threads(int(job.get("threads") or 1))
    locked = lock_files(job["scratch"])
    os.chdir(job["scratch"])
    os.environ["TMPDIR"] = tempfile.tempdir = job["scratch"]
    for folder in reversed(job.get("path", [])):
        sys.path.insert(0, folder)
    from .overlay import install

    install(job.get("overlay") or {})
    if not forked:
        die_with_stdin(job["scratch"])
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
        if "samples" in job:
            from .data.serving import serve_samples

            serve_samples(job, send)
        else:
            _serve(job, send, guard)
    except MemoryError as error:
        _fail(send, "memory", _told(error), [])
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


def _serve(job: dict[str, Any], send: Send, guard: Any) -> None:
    from . import probes
    from .lines import Lines
    from .progress import watched
    from .subject import Answer, Options

    options = Options(**job.get("options", {}))
    names = job["probes"]
    began, given = time.monotonic(), job.get("seconds_left")
    subject: Any = None
    if any(getattr(probes.load(n), "NEEDS_MODEL", True) for n in names):
        batch = None
        if job.get("loader"):
            batch = _load(job["loader"], options.seed, send)
            if batch is None:
                return
        subject = _build(job, options, send, guard.refusals, batch)
        if subject is None:
            return
    for name in names:
        why = _meant(name, subject) if name in job.get("if_meant", ()) else "the user asks"
        if not why:
            send("skipped", probe=name)
            continue
        send("start", probe=name)
        started = time.monotonic()

        def tell(event: str, answer: Answer, name: str = name, started: float = started) -> None:
            send(
                event,
                probe=name,
                status=answer.status,
                summary=answer.summary,
                evidence=answer.evidence,
                seconds=time.monotonic() - started,
            )

        guard.refusals.clear()
        lines = Lines([tuple(s) for s in options.finding.get("statements", [])])
        seconds = float(job.get("probe_seconds") or 1e9)
        if given is not None:
            # something is left for what comes after, and the last one ends by itself, too
            left = max(0.0, float(given) - (time.monotonic() - began))
            seconds = min(seconds, left * (0.8 if name == names[-1] else 0.5))
        with lines.watched(), watched(seconds, partial(tell, "partial")):
            answer = _ask(probes.load(name), subject, options, guard.refusals)
        if lines.statements and subject is not None:
            _construct(probes.load(name), subject, lines)
            answer.evidence["ran"] = lines.as_dict()
        if name in job.get("if_meant", ()):
            answer.evidence["asked"] = f"asked since {why}"
            if answer.status == "CONFIRMED":
                answer.summary += f" (asked since {why})"
        tell("answer", answer)


def _load(loader: dict[str, Any], seed: int, send: Send) -> Any:
    """The first batch of the user's loader; None where there is none, which is said."""
    from .data.batching import first_batch
    from .data.faults import NoData

    send("start", probe="loader")
    started = time.monotonic()
    try:
        batch = first_batch(loader, seed)
    except NoData as error:
        send("failed", stage="loader", reason=str(error))
        return None
    send(
        "loaded",
        kind=batch.kind,
        batch=batch.describe(),
        classes=batch.classes,
        repeated=batch.repeated,
        seconds=time.monotonic() - started,
    )
    return batch


def _meant(probe: str, subject: Any) -> str:
    """Why a model is meant to be what a probe asks for; nothing where it does not say so."""
    from .intent import meant_causal

    return meant_causal(subject.model) if probe == "causality" and subject is not None else ""


def _ask(probe: Any, subject: Any, options: Any, refusals: list[str]) -> Any:
    from .causes import cause_of
    from .devices import Device
    from .subject import NOTHING, Subject, inconclusive

    if subject is not None and subject.inputs is NOTHING and not getattr(probe, "OF_STEP", False):
        return inconclusive("`forward` runs on no part of the batch by itself")
    if subject is None:
        subject = Subject(None, None, options)  # type: ignore[arg-type]
        device = Device("cpu")
    else:
        device = subject.runner.device
    try:
        with device.settings():
            answer = probe.run(subject)
    except Exception as error:
        cause = cause_of(_told(error), refusals)
        if cause:
            return inconclusive(cause[1], **_place(error))
        return inconclusive(f"the model raised {_told(error)}", **_place(error))
    # a refusal, no memory or a package that is missing is nothing that the model does
    cause = None if answer.status == "REFUTED" else cause_of(answer.summary)
    return inconclusive(cause[1], **answer.evidence) if cause else answer


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


def _fail(send: Send, stage: str, reason: str, refusals: list[str], **fields: Any) -> None:
    """Say that nothing came of it; causes that are no fault of the model as what they are."""
    from .causes import cause_of
    from .construction.missing import NOTED

    found = cause_of(reason, refusals)
    for why in NOTED if found is None else ():
        absent = cause_of(why)
        if absent and absent[0] == "package":
            found = "package", f"{absent[1]}; with a stand-in for it: {reason}"
            break
    stage, reason = found or (stage, reason)
    send("failed", stage=stage, reason=reason, **fields)


def _is_missing(result: Any) -> bool:
    """Whether a result is, or holds, the stand-in for a package that is not there."""
    from .construction.missing import Missing

    if isinstance(result, dict):
        return any(map(_is_missing, result.values()))
    if isinstance(result, (list, tuple)):
        return any(map(_is_missing, result))
    return isinstance(result, Missing)


def _build(
    job: dict[str, Any], options: Any, send: Send, refusals: list[str], batch: Any = None
) -> Any:
    from torch.nn.parameter import is_lazy

    from .construction.building import NotLoaded, build, file_of, load_target, subject_of
    from .construction.inlining import NotAlone, importable, inlined
    from .construction.missing import NOTED
    from .construction.on_data import Data, criterion_of

    target = job["target"]
    send("start", probe="build")
    started = time.monotonic()
    data = None
    try:
        filename = target.get("file") or file_of(target["module"])
        if batch is not None:
            criterion = criterion_of(job.get("criterion"), options.loss, load_target)
            data = Data(batch, criterion, bool(job.get("inner_loss")))
        built = build(
            filename,
            target["name"],
            job.get("args"),
            job.get("kwargs"),
            job.get("inputs"),
            options.seed,
            float(job.get("build_budget") or 45),
            job.get("knowledge"),
            data,
            target.get("within") or "",
            # what was refused to imports that went on without it explains nothing that follows
            refusals.clear,
        )
    except NotLoaded as error:
        _fail(send, "load", str(error), refusals)
        return None
    except Exception as error:
        _fail(send, "build", _told(error), refusals, **_place(error))
        return None
    if built.model is None:
        _fail(send, "construct", built.problem or "no arguments were found", refusals)
        return None
    report: dict[str, Any] = {"origin": built.origin, "arguments": built.arguments}
    report["constructor"] = built.constructor
    try:
        report["source"] = inlined(filename, target["name"])
    except NotAlone as error:
        report["not_alone"] = str(error)
    report["importable"] = importable(filename)
    if built.inputs is None and built.step is None:
        _fail(send, "inputs", built.problem or "no inputs were found", refusals, **report)
        return None
    try:
        subject = subject_of(built, options, job.get("device") or "cpu")
    except ValueError as error:
        send("failed", stage="device", reason=str(error))
        return None
    if data is not None:
        subject.batch = batch if built.step is not None else None
        report["step"] = built.step.call.how if built.step is not None else ""
        report["not_on_data"] = "" if built.step is not None else data.problem
    if (
        built.inputs is not None
        and NOTED
        and _is_missing(subject.runner.call(subject.inputs, False))
    ):
        _fail(send, "inputs", "it returns what is missing", refusals, **report)
        return None
    parameters = sum(p.numel() for p in built.model.parameters() if not is_lazy(p))
    send(
        "built",
        file=filename,
        inputs=built.inputs.describe() if built.inputs is not None else [],
        parameters=parameters,
        seconds=time.monotonic() - started,
        **report,
    )
    return subject
