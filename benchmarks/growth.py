"""How what a run takes grows with what is linted.

`python -m benchmarks.growth` builds trees of 10 kloc to 1 Mloc of the pinned packages, each copy
a project of its own whose package has a name of its own, lints each tree as a run that remembers
nothing, and prints a Markdown table. Packages cost differently, so what a tree takes is compared
with what the packages in it take alone. `--plot FILE` draws it (extra `benchmark`).
"""

from __future__ import annotations

import re
import tempfile
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import click

from benchmarks.packages import FOLDER, fetch, packages, python_files
from benchmarks.speed import COMMON, NNLINT, Cost, Tool, measure

PACKAGES = ("segmentation-models-pytorch", "labml-nn", "lightning-bolts")
SIZES = (10, 30, 100, 300, 1000)
"""Thousands of lines."""
TOLERANCE = 0.1
"""By what part of its size a tree may be larger than asked."""


@dataclass(frozen=True, slots=True)
class Part:
    """A package that trees hold copies of."""

    folder: Path
    lines: int


@dataclass(frozen=True, slots=True)
class Grown:
    """What linting a tree took."""

    lines: int
    processes: int
    cost: Cost
    alone: float
    """CPU seconds of its packages, each linted alone by one process."""


def chosen(parts: Sequence[Part], lines: int) -> list[Part]:
    """The packages of a tree of about so many lines: in turns, as long as they have room."""
    taken: list[Part] = []
    total, most = 0, lines * (1 + TOLERANCE)
    while any(total + part.lines <= most for part in parts):
        for part in parts:
            if total + part.lines <= most:
                taken.append(part)
                total += part.lines
            if total >= lines * (1 - TOLERANCE / 2):
                return taken
    return taken


def build(taken: Iterable[Part], folder: Path) -> None:
    """Write copies of packages, each in a project of its own and under a name of its own."""
    for number, part in enumerate(taken):
        project = folder / f"project_{number:03}"
        tops = sorted(
            {file.relative_to(part.folder).parts[0] for file in python_files(part.folder)}
        )
        names = re.compile(rf"\b({'|'.join(map(re.escape, tops))})\b".encode())
        added = f"_{number:03}"
        for file in python_files(part.folder):
            top, *below = file.relative_to(part.folder).parts
            copy = project.joinpath(top + added, *below)
            copy.parent.mkdir(parents=True, exist_ok=True)
            copy.write_bytes(names.sub(rb"\g<1>" + added.encode(), file.read_bytes()))
        (project / "pyproject.toml").write_text("")


def lines_in(folder: Path) -> int:
    """How many lines the Python files of a folder have."""
    return sum(path.read_bytes().count(b"\n") for path in python_files(folder))


def lint_cost(folder: Path, processes: int, cache: Path) -> Cost:
    """What a run takes that remembers nothing."""
    options = ("--jobs", str(processes), "--cache-dir", str(cache))
    told = ("--output-format", "json-lines")
    command = (*NNLINT, str(folder), *COMMON, *told, *options)
    return measure(Tool("nnlint", processes, command, {}, cache))


@click.command()
@click.option("--folder", type=click.Path(path_type=Path), default=FOLDER, show_default=True)
@click.option("--package", "names", multiple=True, default=PACKAGES, show_default=True)
@click.option("--size", "sizes", multiple=True, type=int, default=SIZES, show_default=True)
@click.option("--jobs", multiple=True, type=int, default=(1, 2), show_default=True)
@click.option("--plot", type=click.Path(path_type=Path), help="Where to draw it, as SVG or PNG.")
def main(
    folder: Path,
    names: tuple[str, ...],
    sizes: tuple[int, ...],
    jobs: tuple[int, ...],
    plot: Path | None,
) -> None:
    """Measure trees of thousands of lines, and print a Markdown table."""
    grown: list[Grown] = []
    with tempfile.TemporaryDirectory() as name:
        cache = Path(name) / "cache"
        parts = [Part(f, lines_in(f)) for f in (fetch(p, folder) for p in packages(names))]
        alone = {part: lint_cost(part.folder, 1, cache).cpu for part in parts}
        for part, seconds in alone.items():
            click.echo(f"{part.folder.name}: {part.lines} lines, {seconds:.1f} CPU s", err=True)
        for size in sizes:
            taken = chosen(parts, size * 1000)
            tree = Path(name) / f"tree_{size}"
            build(taken, tree)
            for processes in jobs:
                cost = lint_cost(tree, processes, cache)
                lines, expected = sum(p.lines for p in taken), sum(alone[p] for p in taken)
                grown.append(Grown(lines, processes, cost, expected))
                click.echo(row(grown[-1]), err=True)
    click.echo(table(grown))
    if plot is not None:
        draw(grown, plot)


def table(grown: Iterable[Grown]) -> str:
    """What was measured as a Markdown table."""
    head = (
        "| kloc | processes | wall s | CPU s | CPU s a kloc | CPU ÷ alone | peak MB of a process |"
    )
    return "\n".join([head, "|--:|--:|--:|--:|--:|--:|--:|", *map(row, grown)])


def row(grown: Grown) -> str:
    """One row of the table."""
    kloc, cost = grown.lines / 1000, grown.cost
    numbers = f"{cost.wall:.0f} | {cost.cpu:.1f} | {cost.cpu / kloc:.2f}"
    ratio = f"{cost.cpu / grown.alone:.2f}"
    return f"| {kloc:.0f} | {grown.processes} | {numbers} | {ratio} | {cost.peak:.0f} |"


def draw(grown: Sequence[Grown], file: Path) -> None:
    """Draw seconds and memory over lines, both axes logarithmic, with a straight line beside."""
    import matplotlib.pyplot as plt

    figure, (time, memory) = plt.subplots(1, 2, figsize=(9, 3.5), layout="constrained")
    for processes in dict.fromkeys(g.processes for g in grown):
        some = [g for g in grown if g.processes == processes]
        kloc = [g.lines / 1000 for g in some]
        label = f"{processes} process{'es' if processes > 1 else ''}"
        time.plot(kloc, [g.cost.cpu for g in some], "o-", label=label)
        memory.plot(kloc, [g.cost.peak for g in some], "o-", label=label)
    of_one = [g for g in grown if g.processes == grown[0].processes]
    kloc = [g.lines / 1000 for g in of_one]
    time.plot(kloc, [g.alone for g in of_one], "k:", label="its packages, each alone")
    for axes, title in ((time, "CPU s"), (memory, "peak MB of a process")):
        axes.set(xscale="log", yscale="log", xlabel="thousands of lines", title=title)
        axes.grid(alpha=0.3)
        axes.legend()
    memory.set_ylim(10, 2000)
    figure.savefig(file)


if __name__ == "__main__":
    main()
