"""How fast nnlint is, beside a bare parse, other linters of PyTorch code, and Ruff.

`python -m benchmarks.speed` fetches the pinned packages, makes TorchFix and torch-preflight
environments of their own (the pin of LibCST of the one conflicts with ours), runs every tool on
the same files with one process and with one for each core, in turns, and prints a Markdown table
of medians and what became of the goals. Python keeps its bytecode from the second run on; one row
is of a run that has none.
With `--fixes` it only measures what fixes and matching cost, package by package.
"""

from __future__ import annotations

import os
import platform
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from importlib.metadata import version
from pathlib import Path

import click

from benchmarks.packages import FOLDER, fetch, packages, python_files
from nnlint.registry import load_rules
from nnlint.rule import Matches, Rule

OTHERS = {"TorchFix": "torchfix==0.7.0", "torch-preflight": "torch-preflight==0.5.0"}
"""Linters of PyTorch code, which take minutes, as pip gets them; their commands are named alike."""
COLD_OVER_PARSE = 1.6
TORCHFIX_OVER_COLD = 15
LARGEST_PROCESS = 300
FIXES_OVER_COLD = 0.05
NNLINT = (sys.executable, "-m", "nnlint", "check")
COMMON = ("--isolated", "--quiet", "--exit-zero", "--no-respect-gitignore")
COLD, PLAIN = "nnlint, cold", "nnlint, cold, no fixes or matching"


@dataclass(frozen=True, slots=True)
class Tool:
    """A command to measure."""

    name: str
    processes: int
    command: tuple[str, ...]
    environment: Mapping[str, str]
    cache: Path | None = None
    """A folder that is emptied before each run."""
    runs: int = 1


@dataclass(frozen=True, slots=True)
class Cost:
    """What one run took."""

    wall: float
    cpu: float
    """User and system seconds of all its processes."""
    peak: float
    """Megabytes of its largest process."""


def measure(tool: Tool) -> Cost:
    """Run a tool once.

    Raises:
        RuntimeError: it ended as if it could not do its job.
    """
    if tool.cache is not None:
        shutil.rmtree(tool.cache, ignore_errors=True)
    environment = {**os.environ, **tool.environment}
    with tempfile.TemporaryFile() as errors:
        started = time.perf_counter()
        process = subprocess.Popen(
            tool.command, stdout=subprocess.DEVNULL, stderr=errors, env=environment
        )
        _, status, usage = os.wait4(process.pid, 0)
        wall = time.perf_counter() - started
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode not in (0, 1):
            errors.seek(0)
            message = errors.read().decode(errors="replace")[-2000:]
            raise RuntimeError(f"{tool.name}: exit status {process.returncode}\n{message}")
    unit = 1_000_000 if sys.platform == "darwin" else 1_000
    return Cost(wall, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / unit)


def tools(
    folder: Path, cache: Path, others: Mapping[str, Path], cores: int, runs: int
) -> Iterator[Tool]:
    """Every tool, with one process and with one for each core.

    Parameters:
        others: the commands of other linters of PyTorch code.
    """
    target = str(folder)
    python = sys.executable
    ruff = (python, "-m", "ruff", "check", target, *COMMON, "--no-cache")
    for processes in dict.fromkeys((1, cores)):
        number = str(processes)
        cold = _cold(folder, cache, processes, runs)
        parse = (python, "-m", "benchmarks.bare_parse", target, number)
        threads = {"RAYON_NUM_THREADS": number}
        yield Tool("libcst.parse_module", processes, parse, {}, runs=runs)
        yield cold
        yield Tool("nnlint, warm", processes, cold.command, {}, runs=runs)
        yield Tool("Ruff, no cache", processes, ruff, threads, runs=runs)
        for name, command in others.items():
            asked = ("check", "--quiet") if name == "torch-preflight" else ()
            # they take minutes, so once is enough
            yield Tool(name, processes, (str(command), *asked, "-j", number, target), {}, runs=1)
    yield _plain(folder, cache, runs)
    first = _cold(folder, cache, 1, runs)
    none = {"PYTHONDONTWRITEBYTECODE": "1", "PYTHONPYCACHEPREFIX": str(cache / "no bytecode")}
    yield replace(first, name=f"{COLD}, no bytecode", environment=none)


def _plain(folder: Path, cache: Path, runs: int) -> Tool:
    """A run that neither changes source, nor matches it."""
    kept = cache / "plain"
    matching = ",".join(rule.code for rule in load_rules() if _matches(rule))
    less = ("--output-format", "github", "--ignore", matching, "--jobs", "1")
    plain = (*NNLINT, str(folder), *COMMON, *less, "--cache-dir", str(kept))
    return Tool(PLAIN, 1, plain, {}, kept, runs)


def _cold(folder: Path, cache: Path, processes: int, runs: int) -> Tool:
    """A run that remembers nothing, and says which fixes hold."""
    kept = cache / str(processes)
    more = ("--output-format", "json-lines", "--jobs", str(processes), "--cache-dir", str(kept))
    return Tool(COLD, processes, (*NNLINT, str(folder), *COMMON, *more), {}, kept, runs)


def _matches(rule: Rule) -> bool:
    return any(isinstance(subscription, Matches) for subscription in rule.on)


def command_of(requirement: str, folder: Path) -> Path:
    """Make a tool a virtual environment, once; returns its command."""
    name = requirement.partition("==")[0]
    environment = folder / name
    scripts = environment / ("Scripts" if os.name == "nt" else "bin")
    if not (scripts / name).exists():
        subprocess.run([sys.executable, "-m", "venv", str(environment)], check=True)
        install = [str(scripts / "python"), "-m", "pip", "install", "--quiet", requirement]
        subprocess.run(install, check=True)
    return scripts / name


@click.command()
@click.option("--runs", default=3, show_default=True, help="Runs of each tool that takes seconds.")
@click.option("--folder", type=click.Path(path_type=Path), default=FOLDER, show_default=True)
@click.option("--no-torchfix", is_flag=True, help="Leave TorchFix out: it takes minutes.")
@click.option("--no-preflight", is_flag=True, help="Leave torch-preflight out: so does it.")
@click.option("--package", "names", multiple=True, help="A pinned package to take; else all.")
@click.option("--fixes", is_flag=True, help="Only measure what fixes and matching cost.")
def main(
    runs: int,
    folder: Path,
    no_torchfix: bool,
    no_preflight: bool,
    names: tuple[str, ...],
    fixes: bool,
) -> None:
    """Measure, and print a Markdown table."""
    chosen = packages(names)
    if fixes:
        click.echo(cost_of_fixes({p.name: fetch(p, folder) for p in chosen}, runs))
        return
    with tempfile.TemporaryDirectory() as name:
        # only the pinned packages, whatever else lies in the folder
        files = Path(name) / "files"
        files.mkdir()
        for package in chosen:
            shutil.copytree(fetch(package, folder), files / package.name)
        left_out = {"TorchFix": no_torchfix, "torch-preflight": no_preflight}
        others = {n: command_of(r, folder) for n, r in OTHERS.items() if not left_out[n]}
        cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
        every = [*tools(files, Path(name) / "cache", others, cores or 1, runs)]
        costs = measure_in_turns(every, runs)
        paths = python_files(files)
        lines = sum(path.read_bytes().count(b"\n") for path in paths)
    click.echo(_machine(len(paths), lines))
    click.echo()
    click.echo(table(costs))
    click.echo()
    click.echo("\n".join(goals(costs)))


def cost_of_fixes(folders: Mapping[str, Path], runs: int) -> str:
    """What fixes and matching take of a cold run, package by package, as a Markdown table."""
    rows = ["| | CPU s cold | CPU s without fixes and matching | share |", "|---|--:|--:|--:|"]
    every: dict[tuple[str, int], list[Cost]] = {}
    for name, folder in folders.items():
        with tempfile.TemporaryDirectory() as cache:
            pair = [_cold(folder, Path(cache), 1, runs), _plain(folder, Path(cache), runs)]
            costs = measure_in_turns(pair, runs)
        rows.append(_share(name, costs))
        for key, measured in costs.items():
            every.setdefault(key, []).append(median(measured))
    cold, plain = (sum(cost.cpu for cost in every[name, 1]) for name in (COLD, PLAIN))
    rows.append(f"| in all | {cold:.1f} | {plain:.1f} | {1 - plain / cold:.0%} |")
    return "\n".join(rows)


def _share(name: str, costs: Mapping[tuple[str, int], Sequence[Cost]]) -> str:
    cold, plain = (median(costs[kind, 1]).cpu for kind in (COLD, PLAIN))
    return f"| {name} | {cold:.1f} | {plain:.1f} | {fixes_over_cold(costs):.0%} |"


def measure_in_turns(every: Sequence[Tool], runs: int) -> dict[tuple[str, int], list[Cost]]:
    """Measure all tools, one after the other, as often as asked."""
    costs: dict[tuple[str, int], list[Cost]] = {}
    for run in range(runs):
        for tool in every:
            if run < tool.runs:
                cost = measure(tool)
                costs.setdefault((tool.name, tool.processes), []).append(cost)
                click.echo(f"{tool.name} ({tool.processes}): {cost.wall:.2f} s", err=True)
    return costs


def median(costs: Sequence[Cost]) -> Cost:
    """The median of each quantity."""
    return Cost(
        statistics.median(c.wall for c in costs),
        statistics.median(c.cpu for c in costs),
        statistics.median(c.peak for c in costs),
    )


def table(costs: Mapping[tuple[str, int], Sequence[Cost]]) -> str:
    """The medians as a Markdown table; ratios compare processor time on one core."""
    rows = ["| | processes | wall s | CPU s | peak MB of a process | CPU ÷ bare parse |"]
    rows.append("|---|--:|--:|--:|--:|--:|")
    for (name, processes), measured in sorted(costs.items(), key=lambda item: item[0][1]):
        cost = median(measured)
        base = median(costs["libcst.parse_module", processes])
        cells = (name, processes, f"{cost.wall:.2f}", f"{cost.cpu:.2f}", f"{cost.peak:.0f}")
        ratio = f"{cost.cpu / base.cpu:.2f}"
        rows.append("| " + " | ".join(map(str, (*cells, ratio))) + " |")
    return "\n".join(rows)


def goals(costs: Mapping[tuple[str, int], Sequence[Cost]]) -> Iterator[str]:
    """A sentence on each goal; processor time is compared, which a busy machine spoils less."""
    one = {
        name: median(measured) for (name, processes), measured in costs.items() if processes == 1
    }
    cold, warm, parse = one[COLD], one["nnlint, warm"], one["libcst.parse_module"]
    yield _goal("cold ÷ bare parse", cold.cpu / parse.cpu, "≤", COLD_OVER_PARSE)
    if "TorchFix" in one:
        yield _goal("TorchFix ÷ cold", one["TorchFix"].cpu / cold.cpu, "≥", TORCHFIX_OVER_COLD)
    yield _goal("warm ÷ Ruff", warm.cpu / one["Ruff, no cache"].cpu, "≤", 1)
    yield _goal("fixes and matching ÷ cold", fixes_over_cold(costs), "≤", FIXES_OVER_COLD)
    largest = max(median(c).peak for (name, _), c in costs.items() if name.startswith("nnlint"))
    yield _goal("peak MB of an nnlint process", largest, "≤", LARGEST_PROCESS)


def fixes_over_cold(costs: Mapping[tuple[str, int], Sequence[Cost]]) -> float:
    """The share of a cold run that fixes and matching take: the median of runs side by side."""
    pairs = zip(costs[COLD, 1], costs[PLAIN, 1], strict=True)
    return statistics.median(1 - plain.cpu / whole.cpu for whole, plain in pairs)


def _goal(what: str, value: float, relation: str, limit: float) -> str:
    met = value <= limit if relation == "≤" else value >= limit
    return f"- {what}: {value:.2f} (goal {relation} {limit:g}) {'met' if met else 'MISSED'}"


def _machine(files: int, lines: int) -> str:
    parts = [f"{files} files, {lines / 1000:.0f} kloc", f"Python {platform.python_version()}"]
    parts += [f"{name} {version(name)}" for name in ("libcst", "ruff")]
    parts += [requirement.replace("==", " ") for requirement in OTHERS.values()]
    parts += [f"{os.cpu_count()} cores {_processor()}".strip()]
    parts.append(f"load {os.getloadavg()[0]:.1f}" if hasattr(os, "getloadavg") else "")
    return ", ".join(filter(None, parts))


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor()
    return next((x.partition(":")[2].strip() for x in lines if x.startswith("model name")), "")


if __name__ == "__main__":
    main()
