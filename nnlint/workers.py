"""Spreads the files of a run over processes."""

from __future__ import annotations

import gc
import itertools
import multiprocessing
import os
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Executor, ProcessPoolExecutor, as_completed
from dataclasses import dataclass

from nnlint.checking import FileResult, check_file, collected_file_by_file, tool_finding
from nnlint.config import Config
from nnlint.project.modules import ProjectModules
from nnlint.registry import select_rules
from nnlint.source.discovery import Roots

SMALL_RUN = 24
"""Files below which starting worker processes costs more than it saves."""
LARGEST_BATCH = 32

Progress = Callable[[int, int], None]
Results = Iterator[tuple[str, FileResult]]


@dataclass(frozen=True, slots=True)
class Job:
    """What a worker has to know about a run."""

    config: Config
    roots: Roots
    number: tuple[int, int] = (0, 0)
    """Tells runs apart in a worker that serves several."""


_numbers = itertools.count()


def check_all(
    files: Sequence[str],
    config: Config,
    roots: Roots,
    *,
    jobs: int | None = None,
    executor: Executor | None = None,
    on_progress: Progress | None = None,
) -> Results:
    """Check files, given as the user knows them; results come in no particular order.

    Parameters:
        executor: where to run checks, instead of processes of this machine.
    """
    workers = jobs or _available_cores()
    job = Job(config, roots, (os.getpid(), next(_numbers)))
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
    rules = select_rules(job.config)
    modules = ProjectModules(job.roots)
    with collected_file_by_file() as collect:
        for file in files:
            yield [(file, check_file(file, job.config, rules, modules))]
            collect()


def _in_batches(
    files: Sequence[str], job: Job, workers: int, executor: Executor | None
) -> Iterator[Batch]:
    size = max(1, min(LARGEST_BATCH, len(files) // (workers * 4)))
    batches = [files[i : i + size] for i in range(0, len(files), size)]
    pool = executor or _pool(min(workers, len(batches)))
    try:
        futures = {pool.submit(_check_batch, batch, job): batch for batch in batches}
        for future in as_completed(futures):
            try:
                yield future.result()
            except Exception as error:
                # a worker that died takes its batch along, not the run
                message = f"the process that checked this file ended: {type(error).__name__}"
                yield [
                    (file, FileResult((tool_finding("NN007", file, message),)))
                    for file in futures[future]
                ]
    finally:
        if executor is None:
            pool.shutdown(cancel_futures=True)


def _pool(workers: int) -> ProcessPoolExecutor:
    """Worker processes; forked where that is safe, so that what is loaded is loaded once."""
    if sys.platform != "linux" or threading.active_count() > 1:
        return ProcessPoolExecutor(workers)
    from nnlint.semantics.library import load_library

    load_library()
    context = multiprocessing.get_context("fork")
    # the collector never has to look at what all workers share
    return ProcessPoolExecutor(workers, context, initializer=gc.freeze)


_current = threading.local()


def _check_batch(files: Sequence[str], job: Job) -> Batch:
    if getattr(_current, "number", None) != job.number:
        _current.number = job.number
        _current.modules = ProjectModules(job.roots)
    rules = select_rules(job.config)
    modules: ProjectModules = _current.modules
    results: Batch = []
    with collected_file_by_file() as collect:
        for file in files:
            results.append((file, check_file(file, job.config, rules, modules)))
            collect()
    return results
