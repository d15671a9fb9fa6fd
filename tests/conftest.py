"""What a run over several processes makes once, for the hundreds of programs that its tests start."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
OURS = ("nnlint", "rules")


def pytest_configure(config: pytest.Config) -> None:
    """Keep the bytecode and the tables of this tree, also where Python is told to keep nothing.

    Each test that starts `nnlint` would compile and read all of them: half of what it costs.
    """
    spread = getattr(config.option, "numprocesses", None) and not hasattr(config, "workerinput")
    if not (spread and sys.dont_write_bytecode):
        return
    keeping = {**os.environ, "PYTHONDONTWRITEBYTECODE": ""}
    for command in (["compileall", "-q", *OURS], ["nnlint", "--no-cache", "--quiet", "examples"]):
        ask = [sys.executable, "-m", *command]
        subprocess.run(ask, cwd=ROOT, env=keeping, capture_output=True, check=False)


def pytest_xdist_auto_num_workers() -> int:
    """A process more than there are cores: a test that waits for a time limit takes none."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return (cores or 1) + 1
