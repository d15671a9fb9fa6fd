"""Linting one input after the other in processes that may crash, hang or use up memory."""

from __future__ import annotations

import gc
import json
import os
import resource
import select
import signal
import sys
import tempfile
import time
import traceback
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from types import FrameType

# what every process shares is loaded before they start
import libcst.matchers  # noqa: F401

from benchmarks.fuzz.mutants import Mutant
from nnlint.config import Config
from nnlint.engine import lint

SECONDS_PER_1000_ROWS = 5.0
LEAST_SECONDS = 5.0
"""What a short file may take: the step budget of one script."""
MEBIBYTES = 300
_SILENT_SECONDS = 60.0
"""Seconds without a result after which a process hangs where no exception reaches it."""
_ONE_PROCESS = 500
"""Inputs after which a fresh process goes on."""


@dataclass(frozen=True)
class Fault:
    """What is wrong with how an input is linted."""

    kind: str
    """`crash`, `hang`, `memory` or `killed`."""
    told: str
    """The exception and where it comes from, the same for all inputs with the same fault."""


@dataclass(frozen=True)
class Result:
    """How linting one input went."""

    seconds: float
    fault: Fault | None = None


class Overdue(BaseException):
    """An input takes longer than it may."""


def watched(mutants: Iterator[Mutant]) -> Iterator[tuple[Mutant, Result]]:
    """Lint inputs and say how each went, whatever happens."""
    batch: list[Mutant] = []
    for mutant in mutants:
        batch.append(mutant)
        if len(batch) == _ONE_PROCESS:
            yield from _batch(batch)
            batch = []
    yield from _batch(batch)


def _batch(batch: list[Mutant]) -> Iterator[tuple[Mutant, Result]]:
    while batch:
        results = _in_a_process(batch)
        if len(results) < len(batch):
            # what it was at when it died is what killed it
            results.append(Result(0.0, Fault("killed", "the process died")))
        yield from zip(batch, results, strict=False)
        batch = batch[len(results) :]


def _in_a_process(batch: list[Mutant]) -> list[Result]:
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            os.close(reading)
            _lint_all(batch, writing)
        finally:
            # nothing of the parent may run twice
            os._exit(0)
    os.close(writing)
    told = b""
    while select.select([reading], [], [], _SILENT_SECONDS)[0]:
        part = os.read(reading, 1 << 16)
        if not part:
            break
        told += part
    os.close(reading)
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    return [_read(line) for line in told.decode().splitlines()]


def _lint_all(batch: list[Mutant], writing: int) -> None:
    with tempfile.TemporaryDirectory() as folder:
        _limit_memory()
        signal.signal(signal.SIGXCPU, _overdue)
        for mutant in batch:
            line = json.dumps(asdict(_linted(mutant, Path(folder))))
            os.write(writing, line.encode() + b"\n")


def _read(line: str) -> Result:
    told = json.loads(line)
    fault = told["fault"]
    return Result(told["seconds"], Fault(**fault) if fault else None)


def _linted(mutant: Mutant, folder: Path) -> Result:
    file = folder / mutant.name
    file.write_bytes(mutant.content)
    allowed = max(LEAST_SECONDS, SECONDS_PER_1000_ROWS * mutant.content.count(b"\n") / 1000)
    start = time.process_time()
    _, most = resource.getrlimit(resource.RLIMIT_CPU)
    resource.setrlimit(resource.RLIMIT_CPU, (int(start + allowed) + 1, most))
    fault = None
    try:
        result = lint([str(file)], Config(), jobs=1, use_cache=False)
        crash = next((f for f in result.findings if f.code == "NN007"), None)
        if crash is not None:
            kind = "memory" if "MemoryError" in crash.message else "crash"
            fault = Fault(kind, _place(crash.explanation) + crash.message.partition("crashed")[2])
    except Overdue as error:
        fault = Fault("hang", _frames(error))
    except MemoryError as error:
        fault = Fault("memory", _frames(error))
    except BaseException as error:
        fault = Fault("crash", f"{_frames(error)} {type(error).__name__}: {error}"[:300])
    finally:
        resource.setrlimit(resource.RLIMIT_CPU, (most, most))
    file.unlink()
    gc.collect(0)
    return Result(time.process_time() - start, fault)


def _limit_memory() -> None:
    pages = int(Path("/proc/self/statm").read_text().split()[0])
    most = pages * resource.getpagesize() + (MEBIBYTES << 20)
    resource.setrlimit(resource.RLIMIT_AS, (most, most))


def _overdue(number: int, frame: FrameType | None) -> None:
    raise Overdue


def _frames(error: BaseException) -> str:
    """The innermost places of nnlint that an exception comes from."""
    own = [f for f in traceback.extract_tb(error.__traceback__) if "nnlint" in f.filename]
    return " < ".join(f"{Path(f.filename).name} {f.name}" for f in own[:-4:-1])


def _place(trace: str) -> str:
    """The innermost place of a traceback in text."""
    places = [line.strip() for line in trace.splitlines() if line.startswith("  File ")]
    return places[-1].rpartition("/")[2] if places else ""


if sys.platform != "linux":
    raise SystemExit("the limits of memory need Linux")
