"""Linting of a running notebook: `%load_ext nnlint`.

What is linted are the cells that have run, in the order in which they ran: the program that made
the state of the kernel, which the notebook's file does not show.
"""

from __future__ import annotations

import json
import os
import shutil
import sys
from collections.abc import Iterable
from dataclasses import replace
from typing import Any

from nnlint.config import ConfigError, ConfigFiles
from nnlint.engine import Linter, config_problems
from nnlint.finding import Finding
from nnlint.report import Report, render
from nnlint.source.discovery import Discovery
from nnlint.text import plain

NAME = "session.ipynb"
"""What a session is called in findings; the number of a cell is that of its `In [7]`."""
LONGEST = 200_000
"""Characters of cells that are kept: the oldest go first."""
_SAYS = {
    "on": "nnlint looks at each cell that has run",
    "off": "nnlint looks on demand: `%nnlint`",
}


class Session:
    """The cells that have run in a kernel, and what has been told of them.

    Parameters:
        shell: IPython's `InteractiveShell`.
    """

    def __init__(self, shell: Any) -> None:
        self._shell = shell
        self._cells: dict[int, str] = {}
        self._told: set[tuple[str, str, int, int]] = set()
        self._watches = True
        self._raw = b""

    def after_cell(self, result: Any) -> None:
        """Take in a cell that has run, and tell what it adds.

        Parameters:
            result: IPython's `ExecutionResult`; a cell that raised, or that is not kept in the
                history, is passed over.
        """
        text = result.info.raw_cell
        if not result.success or not result.info.store_history or not text.strip():
            return
        # by the time of the event the shell may have counted on already
        self._cells[result.execution_count or self._shell.execution_count] = text
        while sum(map(len, self._cells.values())) > LONGEST and len(self._cells) > 1:
            del self._cells[next(iter(self._cells))]
        if self._watches:
            self._tell(f for f in self._lint() if self._key(f) not in self._told)

    def command(self, line: str) -> None:
        """The magic `%nnlint`: all findings of the session; `on` and `off` for each cell."""
        asked = line.strip()
        if not asked:
            findings = self._lint()
            self._tell(findings)
            if not findings:
                print("nnlint found nothing in the cells that have run")
        elif asked in _SAYS:
            self._watches = asked == "on"
            print(_SAYS[asked])
        else:
            print(f"nnlint: `%nnlint` takes `on`, `off` or nothing, not `{asked}`")

    def _lint(self) -> list[Finding]:
        cells: list[dict[str, Any]] = [
            {"cell_type": "code" if number in self._cells else "raw", "source": ""}
            for number in range(1, max(self._cells, default=0) + 1)
        ]
        for number, text in self._cells.items():
            cells[number - 1]["source"] = text
        self._raw = json.dumps({"cells": cells, "metadata": {}, "nbformat": 4}).encode()
        # what they say may have changed meanwhile
        files = ConfigFiles()
        linter = Linter(files.of, jobs=1, follows_edits=False)
        found = Discovery.of_file(NAME)
        try:
            result = linter.run(found, {os.path.abspath(NAME): self._raw})
        except ConfigError as error:
            print(f"nnlint: {plain(str(error))}", file=sys.stderr)
            return []
        for problem in config_problems(files):
            print(f"nnlint: {plain(problem.message)}", file=sys.stderr)
        # no file is there to be fixed
        return [replace(f, fix=None) for f in result.findings]

    def _key(self, finding: Finding) -> tuple[str, str, int, int]:
        """What a finding is told by, however often its cell is run."""
        text = self._cells.get(finding.cell or 0, "")
        return finding.code, text, finding.start.row, finding.start.column

    def _tell(self, findings: Iterable[Finding]) -> None:
        told = list(findings)
        self._told.update(map(self._key, told))
        width = shutil.get_terminal_size((100, 24)).columns
        color = "NO_COLOR" not in os.environ
        if told:
            texts = {NAME: self._raw}
            render(
                Report(told, color=color, width=width, quiet=True, texts=texts), "full", sys.stdout
            )


def load(shell: Any) -> None:
    """Begin to look on: what `%load_ext nnlint` asks for."""
    session = Session(shell)
    shell.events.register("post_run_cell", session.after_cell)
    shell.register_magic_function(session.command, magic_name="nnlint")
    shell.user_ns_hidden["__nnlint_session__"] = session


def unload(shell: Any) -> None:
    """Look on no longer: what `%unload_ext nnlint` asks for."""
    session = shell.user_ns_hidden.pop("__nnlint_session__", None)
    if session is not None:
        shell.events.unregister("post_run_cell", session.after_cell)
        shell.magics_manager.magics["line"].pop("nnlint", None)
