"""The user's own loader, run by the verifier's worker; its samples come as plain arrays."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np

from nnlint.audit.samples import (
    Array,
    AuditError,
    Batch,
    Column,
    Items,
    Problem,
    Sink,
    SplitInfo,
    Strange,
    Texts,
)
from nnlint.verify.environment import NAME_ANOTHER
from nnlint.verify.loaders import Loader
from nnlint.verify.processes import Workers
from nnlint.verify.running import Conditions
from nnlint.verify.session import Outcome, run_job

_TYPES = frozenset(
    {"bool", "uint8", "int8", "int16", "int32", "int64", "float16", "float32", "float64"}
)
_CPU_SECONDS = 6 * 3600
_SHARE = 0.9
"""Of the time without an answer after which the worker is ended: what a batch may take."""


class ProgramReader:
    """Reads what `pkg.data:make_loader` gives, in a process of its own."""

    def __init__(
        self,
        loader: Loader,
        conditions: Conditions,
        limit: int,
        seconds: float,
    ) -> None:
        self.loader, self.conditions = loader, conditions
        self.limit, self.seconds = limit, seconds

    def read(self, sink: Sink) -> None:
        """Read all splits; one that hangs or crashes is told, and the others are read.

        Raises:
            AuditError: the target cannot be loaded, or gives no data.
        """
        stream = _Stream(sink)
        with Workers(self.conditions.python, self.conditions.limits.timeout) as workers:
            while True:
                outcome = self._run(workers, stream)
                if outcome.failure:
                    raise AuditError(_failure(outcome))
                died = [r.summary for r in outcome.results if r.status == "INCONCLUSIVE"]
                if not died or stream.finished:
                    break
                if stream.at is None:
                    raise AuditError(f"{self.loader.title} cannot be loaded: {died[0]}")
                stream.end_early(died[0])
        if not stream.done:
            raise AuditError(f"{self.loader.title} gives no split")

    def _run(self, workers: Workers, stream: _Stream) -> Outcome:
        job = {
            "loader": self.loader.as_job(_SHARE * self.conditions.limits.timeout),
            "probes": ["samples"],
            "path": [str(p) for p in (Path.cwd(), Path.cwd() / "src") if p.is_dir()],
            "cpu": _CPU_SECONDS,
            "samples": {
                "limit": self.limit,
                "seconds": self.seconds,
                # what a split draws after a restart is not what the one before it drew
                "seed": self.conditions.seed + len(stream.done),
                "done": sorted(stream.done),
            },
        }
        limits = self.conditions.limits
        return run_job(self.conditions.python, job, limits, stream.on_event, workers)


def _failure(outcome: Outcome) -> str:
    stage, reason = outcome.failure.get("stage"), outcome.failure.get("reason")
    hint = f"; {NAME_ANOTHER}" if stage in ("torch", "start") else ""
    return f"{reason}{hint}"


class _Stream:
    """What the worker says becomes batches and problems."""

    def __init__(self, sink: Sink) -> None:
        self.sink = sink
        self.done: set[str] = set()
        self.at: str | None = None
        self.finished = False

    def on_event(self, event: dict[str, Any]) -> None:
        """Take one message of the worker."""
        kind, split = event["event"], str(event.get("split", ""))
        if kind == "split":
            self._begin(split, event)
        elif kind == "samples":
            self._samples(split, event)
        elif kind == "fault":
            index = event.get("index")
            where = (index,) if isinstance(index, int) else ()
            self.sink.problem(Problem(split, str(event.get("reason")), where))
        elif kind == "read":
            self._end(split, event)
        elif kind == "answer":
            self.finished = True

    def _begin(self, split: str, event: dict[str, Any]) -> None:
        self.at = split
        total, shuffled = event.get("total"), event.get("shuffled")
        self.sink.split(
            SplitInfo(
                split,
                total if isinstance(total, int) else None,
                shuffled if isinstance(shuffled, bool) else None,
                batched=bool(event.get("batched")),
                source=str(event.get("kind", "")),
            )
        )

    def _end(self, split: str, event: dict[str, Any]) -> None:
        self.done.add(split)
        self.at = None
        if not event.get("count") and not event.get("explained"):
            why = "every sample fails" if event.get("faults") else "it yields nothing"
            self.sink.problem(Problem(split, why, kind="unreadable"))
        if event.get("stopped") == "time":
            self.sink.note(f"`{split}` was read until the time was up (--time-limit)")

    def end_early(self, reason: str) -> None:
        """The worker died, or was ended, while it read a split."""
        assert self.at is not None
        self.sink.problem(Problem(self.at, f"reading ends early: {reason}"))
        self.done.add(self.at)
        self.at = None

    def _samples(self, split: str, event: dict[str, Any]) -> None:
        path = Path(str(event["file"]))
        try:
            raw = path.read_bytes()
        finally:
            path.unlink(missing_ok=True)
        columns = {str(c["name"]): _column(c, raw) for c in event["columns"]}
        indices = event.get("indices")
        self.sink.batch(
            Batch(
                split,
                columns,
                int(event["count"]),
                tuple(map(int, indices)) if indices is not None else None,
            )
        )


def _column(told: dict[str, Any], raw: bytes) -> Column:
    if "strange" in told:
        return Strange(str(told["strange"]))
    if "texts" in told:
        return Texts(tuple(map(str, told["texts"])))
    if "items" not in told:
        return _array(told, raw)
    items = told["items"]
    if any(item is not None and "text" in item for item in items):
        return Texts(tuple(None if i is None else str(i.get("text", "")) for i in items))
    return Items(tuple(None if i is None else _array(i, raw) for i in items))


def _array(told: dict[str, Any], raw: bytes) -> Array:
    """An array out of bytes: never a pickle, since the worker runs code that is not ours.

    Raises:
        AuditError: it is not what it is said to be.
    """
    dtype, start, size = str(told["dtype"]), int(told["start"]), int(told["bytes"])
    if dtype not in _TYPES or start < 0 or start + size > len(raw):
        raise AuditError(f"the worker sent an array of type {json.dumps(dtype)} that is none")
    flat = np.frombuffer(raw[start : start + size], dtype)
    return flat.reshape([int(n) for n in told["shape"]])
