"""What an edit costs in a process that goes on, as an editor's does.

`python -m benchmarks.editor` lints a project of a training script and the five modules that it
imports, then edits it again and again, and prints the CPU milliseconds from edit to findings of
the file that is edited: medians, one process. `--large` does so in a project of 500 files, with
a script of 1,000 lines.
"""

from __future__ import annotations

import re
import shutil
import statistics
import tempfile
import time
from collections.abc import Callable, Mapping
from pathlib import Path

import click

from nnlint.collecting import collect_now, collected_later
from nnlint.config import Config
from nnlint.engine import Linter, RunResult

PROJECT = Path(__file__).parent / "project"
GOAL = 100
"""Milliseconds from edit to findings."""
Edit = Callable[[str, int], str]


def comment(text: str, number: int) -> str:
    """Write more and more comments above a statement, which moves all that follows."""
    return text.replace("    model.train()\n", "    # again\n" * number + "    model.train()\n", 1)


def statement(text: str, number: int) -> str:
    """Change a number within a function of the training script."""
    return text.replace("if step % 100 == 0", f"if step % {100 + number} == 0", 1)


def helper(text: str, number: int) -> str:
    """Change a function that tensors do not go through."""
    return text.replace('lines = ["place', f'lines = ["{number},place', 1)


def layer(text: str, number: int) -> str:
    """Change a constant of the model."""
    return text.replace("* 0.02", f"* 0.0{number + 2}", 1)


class Session:
    """An editor's buffers, and the process that lints them."""

    def __init__(self, folder: Path) -> None:
        config = Config()
        self._linter = Linter(lambda folder: config, jobs=1)
        self._found = self._linter.discover([str(folder)])
        self._folder = folder.resolve()
        self._overlay: dict[str, bytes] = {}

    def lint(self, *names: str) -> tuple[RunResult, float]:
        """Lint files, by default all; what is found, and the CPU milliseconds that it takes."""
        part = [str(self._folder / name) for name in names] or None
        started = time.process_time()
        with collected_later():
            result = self._linter.run(self._found, self._overlay, part)
        spent = (time.process_time() - started) * 1000
        # as the server does, once it has shown what was found
        collect_now()
        return result, spent

    def edit(self, name: str, change: Edit, number: int) -> None:
        """Change a file, as it is on disk, in its buffer.

        Raises:
            ValueError: the change makes none.
        """
        path = self._folder / name
        before = path.read_text(encoding="utf-8")
        after = change(before, number)
        if before == after:
            raise ValueError(f"{change.__name__} changes nothing in {name}")
        self._overlay = {str(path): after.encode()}


EDITS: Mapping[str, tuple[str, Edit, tuple[str, ...]]] = {
    "a comment in `train.py`": ("train.py", comment, ("train.py",)),
    "a statement in its training loop": ("train.py", statement, ("train.py",)),
    "a function that no tensor goes through": ("train.py", helper, ("train.py",)),
    "a comment in `data.py`, with all that import it": (
        "data.py",
        lambda text, number: "# again\n" * number + text,
        (),
    ),
    "a layer in `model.py`, with all that import it": ("model.py", layer, ()),
}
"""What is edited in which file, and which files are linted then."""


LARGE = 83
"""Copies of the project in a large one, each in a folder of its own."""


def large_project(folder: Path) -> None:
    """Write a project of 500 files, and in its first folder a script of 1,000 lines: what the
    script defines stands there three times, of which it uses one."""
    (folder / "pyproject.toml").write_text('[project]\nname = "large"\n', encoding="utf-8")
    for number in range(LARGE):
        shutil.copytree(PROJECT, folder / f"part{number:02}")
    script = folder / "part00" / "train.py"
    text = script.read_text(encoding="utf-8")
    names = re.findall(r"^(?:def|class) (\w+)", text, re.MULTILINE)
    head, tail = text.split("if __name__", 1)
    first = re.search(r"^(?:def|class|@)", head, re.MULTILINE)
    assert first is not None
    copies = ""
    for number in (2, 3):
        copy = head[first.start() :]
        for name in names:
            copy = re.sub(rf"\b{name}\b", f"{name}_{number}", copy)
        copies += copy
    script.write_text(f"{head}{copies}if __name__{tail}", encoding="utf-8")


def measured(rounds: int, large: bool = False) -> dict[str, float]:
    """CPU milliseconds of the first run, and of the runs after each kind of edit."""
    if not large:
        session = Session(PROJECT)
        found = {"all six files, first": session.lint()[1]}
        return found | _edited(session, rounds, "", EDITS)
    with tempfile.TemporaryDirectory() as folder:
        large_project(Path(folder))
        session = Session(Path(folder))
        found = {"the script, first": session.lint("part00/train.py")[1]}
        in_script = {told: edit for told, edit in EDITS.items() if edit[2]}
        return found | _edited(session, rounds, "part00/", in_script)


def _edited(
    session: Session,
    rounds: int,
    below: str,
    edits: Mapping[str, tuple[str, Edit, tuple[str, ...]]],
) -> dict[str, float]:
    found = {}
    for told, (name, change, linted) in edits.items():
        times = []
        for number in range(1, rounds + 1):
            session.edit(below + name, change, number)
            times.append(session.lint(*(below + file for file in linted))[1])
        found[told] = statistics.median(times)
    return found


@click.command()
@click.option("--rounds", default=7, show_default=True, help="Edits of each kind.")
@click.option("--large", is_flag=True, help="A script of 1,000 lines in a project of 500 files.")
def main(rounds: int, large: bool) -> None:
    """Measure edits, and print a Markdown table."""
    click.echo("| edit | CPU ms | goal |\n|---|--:|---|")
    for told, milliseconds in measured(rounds, large).items():
        goal = "" if "first" in told else "met" if milliseconds <= GOAL else "MISSED"
        click.echo(f"| {told} | {milliseconds:.0f} | {goal} |")


if __name__ == "__main__":
    main()
