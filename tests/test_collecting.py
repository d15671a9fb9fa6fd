"""When Python looks for garbage."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from pathlib import Path

import pytest

from nnlint.collecting import collect_now, collected_file_by_file, collected_later
from nnlint.config import Config
from nnlint.engine import Linter


@pytest.fixture
def runs() -> Iterator[list[int]]:
    """The generations that the collector looks through."""
    seen: list[int] = []

    def note(phase: str, told: dict[str, int]) -> None:
        if phase == "start":
            seen.append(told["generation"])

    gc.callbacks.append(note)
    yield seen
    gc.callbacks.remove(note)


def allocated() -> list[object]:
    """So much that the collector would run."""
    return [[i] for i in range(20 * gc.get_threshold()[0])]


def test_nothing_is_collected_until_somebody_is_shown_what_is_found(runs: list[int]) -> None:
    allocated()
    runs.clear()
    with collected_later():
        with collected_file_by_file() as collect:
            kept = allocated()
            collect()
        kept += allocated()
    kept += allocated()
    assert not runs and not gc.isenabled()
    collect_now()
    assert runs == [0] and gc.isenabled()


def test_two_who_wait_are_waited_for() -> None:
    with collected_later():
        with collected_later():
            pass
        collect_now()
        assert not gc.isenabled()
    collect_now()
    assert gc.isenabled()


def test_who_has_turned_the_collector_off_keeps_it_so() -> None:
    gc.disable()
    try:
        with collected_later():
            pass
        collect_now()
        assert not gc.isenabled()
    finally:
        gc.enable()


def test_an_edit_is_linted_without_collecting(tmp_path: Path, runs: list[int]) -> None:
    file = tmp_path / "train.py"
    file.write_text("import torch\nnet = torch.nn.Linear(2, 2)\n" * 40)
    config = Config()
    linter = Linter(lambda folder: config, jobs=1)
    found = linter.discover([str(tmp_path)])
    linter.run(found)
    runs.clear()
    with collected_later():
        linter.run(found, {str(file): file.read_bytes() + b"\n\nprint(net(torch.ones(1, 2)))\n"})
    assert not runs
    collect_now()
    assert gc.isenabled()
