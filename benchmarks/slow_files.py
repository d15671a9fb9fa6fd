"""Which files take longest for their length.

`python -m benchmarks.slow_files` lints the pinned packages file by file in one process, and prints
a Markdown table of those that take most CPU seconds per 1,000 lines. Modules that a file is the
first to lead to are parsed on its account.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import click

from benchmarks.packages import FOLDER, fetch, packages, python_files
from nnlint.config import Config
from nnlint.source.discovery import Roots
from nnlint.workers import Job, check_all

SHORTEST = 50
"""Lines below which what is done once weighs more than the file."""
GOAL = 5.0
"""CPU seconds per 1,000 lines that no file may take."""


@dataclass(frozen=True, slots=True)
class Timed:
    """What checking one file took."""

    name: str
    lines: int
    seconds: float
    """Of the processor."""

    @property
    def density(self) -> float:
        """CPU seconds per 1,000 lines."""
        return self.seconds * 1000 / self.lines


def timed(folder: Path) -> Iterator[Timed]:
    """What checking each file of a package takes."""
    files = [str(path) for path in python_files(folder)]
    job = Job(Config(), Roots.of([str(folder)]))
    started = time.process_time()
    for name, _ in check_all(files, job, jobs=1):
        now = time.process_time()
        lines = Path(name).read_bytes().count(b"\n")
        yield Timed(str(Path(name).relative_to(folder.parent)), lines, now - started)
        started = time.process_time()


@click.command()
@click.option("--folder", type=click.Path(path_type=Path), default=FOLDER, show_default=True)
@click.option("--package", "names", multiple=True, help="A pinned package to take; else all.")
@click.option("--most", default=10, show_default=True, help="How many files are told.")
def main(folder: Path, names: tuple[str, ...], most: int) -> None:
    """Measure each file, and print a Markdown table."""
    found: list[Timed] = []
    for package in packages(names):
        some = list(timed(fetch(package, folder)))
        found += some
        click.echo(f"{package.name}: {sum(one.seconds for one in some):.1f} CPU s", err=True)
    long = [one for one in found if one.lines >= SHORTEST]
    click.echo("| file | lines | CPU s | CPU s per 1,000 lines |\n|---|--:|--:|--:|")
    for one in sorted(long, key=lambda one: one.density, reverse=True)[:most]:
        cells = (f"`{one.name}`", one.lines, f"{one.seconds:.2f}", f"{one.density:.1f}")
        click.echo("| " + " | ".join(map(str, cells)) + " |")
    over = sum(one.density > GOAL for one in long)
    click.echo(f"\n{over} of {len(long)} files take more than {GOAL:g} s per 1,000 lines.")


if __name__ == "__main__":
    main()
