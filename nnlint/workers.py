"""Spreads the files of a run over processes."""

from __future__ import annotations

import gc
import itertools
import os
import sys
import threading
import traceback
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from nnlint import packs
from nnlint.collecting import collected_file_by_file
from nnlint.config import Config
from nnlint.project.modules import ProjectModules
from nnlint.project.results import FileResult
from nnlint.registry import select_rules
from nnlint.silence import crash
from nnlint.source.discovery import Roots
from nnlint.trust import trusted_path

if TYPE_CHECKING:
    # linting one file needs no processes, and loading what they need takes as long as linting
    from concurrent.futures import Executor, ProcessPoolExecutor

    from nnlint.processes import Processes
    from nnlint.rule import Rule

SMALL_RUN = 24
"""Files below which starting worker processes costs more than it saves."""
LARGEST_BATCH = 32
MOST_WORKERS = 61
"""More than these a pool cannot wait for on Windows."""

Progress = Callable[[int, int], None]
"""Told how many files are done, of how many."""
Results = Iterator[tuple[str, FileResult]]


@dataclass(frozen=True, slots=True)
class Job:
    """What a worker has to know about a run."""

    config: Config
    roots: Roots
    named: frozenset[str] = frozenset()
    """Files that the user names, which are parsed even if they use no PyTorch."""
    overlay: Mapping[str, bytes] = field(default_factory=dict)
    """The content of files, by absolute path, that is not what is on disk."""
    local_rules: tuple[str, ...] = field(default_factory=packs.local_folders)
    """Folders of local rules."""
    folder: str = field(default_factory=os.getcwd)
    """Where the names of files begin; another machine may be somewhere else."""
    number: tuple[int, int] = (0, 0)
    """Tells runs apart in a worker that serves several."""


_numbers = itertools.count()


def check_all(
    files: Sequence[str],
    job: Job,
    *,
    jobs: int | None = None,
    executor: Executor | None = None,
    on_progress: Progress | None = None,
) -> Results:
    """Check files, given as the user knows them; results come in no particular order.

    Parameters:
        jobs: processes to use; by default as many as there are cores.
        executor: where to run checks, instead of processes of this machine.
    """
    workers = min(jobs or _available_cores(), MOST_WORKERS)
    job = replace(job, number=(os.getpid(), next(_numbers)))
    done = 0
    for outcome in (
        _serially(files, job)
        if executor is None and (workers == 1 or len(files) < SMALL_RUN)
        else _in_batches(files, job, workers, executor)
    ):
        yield from outcome
        done += len(outcome)
        if on_progress:
            on_progress(done, len(files))


def _available_cores() -> int:
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


Batch = list[tuple[str, FileResult]]


def _serially(files: Sequence[str], job: Job) -> Iterator[Batch]:
    with collected_file_by_file():
        for file in files:
            yield _check_batch([file], job)


def _in_batches(
    files: Sequence[str], job: Job, workers: int, executor: Executor | None
) -> Iterator[Batch]:
    from concurrent.futures import as_completed

    size = max(1, min(LARGEST_BATCH, len(files) // (workers * 4)))
    batches = [files[i : i + size] for i in range(0, len(files), size)]
    unfinished: list[str] = []
    with nullcontext(executor) if executor else _pool(min(workers, len(batches)), job) as pool:
        futures = {pool.submit(_check_batch, batch, job): batch for batch in batches}
        for future in as_completed(futures):
            try:
                outcome = future.result()
            except Exception:
                unfinished += futures[future]
            else:
                yield outcome
    yield from _one_by_one(unfinished, job)


def _one_by_one(files: list[str], job: Job) -> Iterator[Batch]:
    """What is left when a process died, each file alone, so that only the culprit is lost."""
    if not files:
        return
    from nnlint.processes import ProcessDiedError

    with _fresh_pool(1, job) as pool:
        for file in files:
            try:
                yield pool.submit(_check_batch, [file], job).result()
            except ProcessDiedError:
                yield [(file, FileResult((crash(file, "the process that checked it died"),)))]
            except Exception as error:
                yield [(file, _failed(file, error))]


def _failed(file: str, error: Exception) -> FileResult:
    told = " ".join(f"{type(error).__name__}: {error}".split())
    trace = "".join(traceback.format_exception(error))
    return FileResult((crash(file, f"checking it failed: {told}", trace),))


def _pool(workers: int, job: Job) -> AbstractContextManager[Executor]:
    """Worker processes; forked where that is safe, so that what is loaded is loaded once."""
    if sys.platform == "linux" and threading.active_count() == 1:
        return _forked_pool(workers, job)
    return _fresh_pool(workers, job)


def _fresh_pool(workers: int, job: Job) -> Processes:
    from nnlint.processes import Processes

    return Processes(workers, _linted(job))


def _linted(job: Job) -> list[str]:
    return [path for path, _ in job.roots.pairs]


@contextmanager
def _forked_pool(workers: int, job: Job) -> Iterator[ProcessPoolExecutor]:
    """Copies of this process, which do not outlive an interrupted run."""
    import multiprocessing
    from concurrent.futures import ProcessPoolExecutor

    import nnlint.checking
    import nnlint.semantics.analysis  # noqa: F401
    from nnlint.semantics.library import load_library

    load_library()
    select_rules(job.config)
    before = set(multiprocessing.active_children())
    context = multiprocessing.get_context("fork")
    pool = ProcessPoolExecutor(workers, context, _start_fork, (_linted(job),))
    try:
        yield pool
    except BaseException:
        for child in set(multiprocessing.active_children()) - before:
            child.terminate()
        pool.shutdown(wait=False, cancel_futures=True)
        raise
    pool.shutdown()


def _start_fork(linted: Sequence[str]) -> None:
    from nnlint.processes import die_on_interrupt

    die_on_interrupt()
    sys.path[:] = trusted_path(linted)
    # the collector never has to look at what all workers share
    gc.freeze()


_current = threading.local()


def _check_batch(files: Sequence[str], job: Job) -> Batch:
    # where nothing has changed, what checks files is not loaded
    from nnlint.checking import check_file

    packs.use(job.local_rules)
    if getattr(_current, "number", None) != job.number:
        _current.number = job.number
        before: ProjectModules | None = getattr(_current, "modules", None)
        _current.modules = ProjectModules(job.roots, job.overlay, before, job.config.src)
        _current.rules = select_rules(job.config)
    rules: tuple[Rule, ...] = _current.rules
    modules: ProjectModules = _current.modules
    results: Batch = []
    with collected_file_by_file() as collect:
        for file in files:
            try:
                result = check_file(file, job.config, rules, modules, file in job.named, job.folder)
            except Exception as error:
                # one file is no reason to lose the others
                result = _failed(file, error)
            results.append((file, result))
            collect()
    return results
