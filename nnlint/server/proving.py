"""Running the code that a finding is about, in a process of its own."""

from __future__ import annotations

import os
from collections.abc import Sequence
from concurrent.futures import Future
from pathlib import Path
from typing import Any

from nnlint.finding import Finding, Verdict
from nnlint.processes import Processes

LIMITS: dict[str, Any] = {
    "device": "auto",
    "timeout": 120.0,
    "memory": 8.0,
    "seed": 0,
    "allow_network": False,
}
"""Those of the command line."""


def verdict_of(
    finding: Finding, configured: Sequence[tuple[str, Any]], folder: str, python: str | None
) -> Verdict:
    """What running the code shows about a finding; to be called in a process of its own.

    Parameters:
        configured: what the configuration says of targets.
        folder: where the project is.
        python: the interpreter that has its torch; None to look for one.
    """
    from nnlint.verify.attach import with_verdicts
    from nnlint.verify.running import Conditions

    os.chdir(folder)
    conditions = Conditions.of({**LIMITS, "python": python}, dict(configured))
    verdict = with_verdicts([finding], conditions)[0].verdict
    return verdict or Verdict("INCONCLUSIVE", "nothing that could be run tells about it")


class Prover:
    """Verifies findings, one at a time, while the client is answered."""

    def __init__(self) -> None:
        self._processes: Processes | None = None

    def start(
        self,
        finding: Finding,
        configured: Sequence[tuple[str, Any]],
        folder: str,
        python: str | None,
    ) -> Future[Verdict]:
        """Begin to verify a finding."""
        if self._processes is None:
            self._processes = Processes(1, [folder])
        place = str(Path(folder).absolute())
        return self._processes.submit(verdict_of, finding, tuple(configured), place, python)

    def stop(self) -> None:
        """End what is run, which raises `ProcessDiedError` where it is waited for."""
        if self._processes is not None:
            self._processes.shutdown(wait=False, cancel_futures=True)
            self._processes = None
