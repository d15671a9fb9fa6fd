"""`python -m benchmarks.fuzz [PATHS]…`: lints hostile mutants of real files.

Without paths it mutates the fixtures. Says of each fault once how it looks and which input
leads to it, as small as it could be made. Exit status: 1 when there is a fault.
"""

from __future__ import annotations

import argparse
import re
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

from benchmarks.fuzz.mutants import Mutant, Mutants
from benchmarks.fuzz.watch import Fault, watched
from nnlint.config import Config
from nnlint.engine import lint

FIXTURES = Path(__file__).parent.parent.parent / "fixtures"
_ATTEMPTS = 300
"""Smaller inputs that are tried for one fault."""


def main() -> int:
    """Fuzz, and print what was found."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("paths", nargs="*", type=Path)
    parser.add_argument("--inputs", type=int, default=20_000)
    parser.add_argument("--first", type=int, default=0, help="the number of the first input")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--keep", type=Path, default=Path(".fuzz"), help="where faults are kept")
    options = parser.parse_args()
    mutants = Mutants(_texts(options.paths or [FIXTURES]), options.seed)
    # what every process shares is loaded before they start, here and by `watch`
    lint([str(Path(__file__))], Config(), jobs=1, use_cache=False)
    started = time.perf_counter()
    numbers = range(options.first, options.first + options.inputs)
    seconds: list[float] = []
    first: dict[Fault, Mutant] = {}
    count: dict[Fault, int] = {}
    for mutant, result in watched(map(mutants, numbers)):
        seconds.append(result.seconds)
        if result.fault is not None:
            first.setdefault(result.fault, mutant)
            count[result.fault] = count.get(result.fault, 0) + 1
            if count[result.fault] == 1:
                print(
                    f"{mutant.number} ({mutant.kind}) {result.fault.kind}: {result.fault.told}",
                    flush=True,
                )
        if sys.stderr.isatty() and len(seconds) % 500 == 0:
            print(f"{len(seconds)} inputs", end="\r", file=sys.stderr)
    for fault, mutant in first.items():
        file = _kept(options.keep, minimised(mutant, fault))
        print(f"{fault.kind} of {count[fault]} inputs, {file}: {fault.told}")
    print(
        f"{len(seconds)} inputs, {len(first)} faults; {sum(seconds):.0f} s of CPU, "
        f"{time.perf_counter() - started:.0f} s in all, the longest {max(seconds, default=0):.1f} s"
    )
    return 1 if first else 0


def _texts(paths: Sequence[Path]) -> list[str]:
    files = [f for p in paths for f in (sorted(p.rglob("*.py")) if p.is_dir() else [p])]
    return [f.read_text(encoding="utf-8", errors="replace") for f in files]


def minimised(mutant: Mutant, fault: Fault) -> Mutant:
    """A smaller input with the same fault: rows and then words left out, as long as it stays."""
    attempts = iter(range(_ATTEMPTS))

    def keeps(content: bytes) -> bool:
        if next(attempts, None) is None:
            return False
        smaller = replace(mutant, content=content)
        return next(watched(iter([smaller])))[1].fault == fault

    for pattern in (rb"[^\n]*\n?", rb"\w+|\W"):
        parts = re.findall(pattern, mutant.content)
        mutant = replace(mutant, content=b"".join(_fewest(parts, keeps)))
    return mutant


def _fewest(parts: list[bytes], keeps: Callable[[bytes], bool]) -> list[bytes]:
    """The parts that are left when ever smaller runs of them have been left out."""
    size = len(parts) // 2
    while size:
        start = 0
        while start < len(parts):
            rest = parts[:start] + parts[start + size :]
            if keeps(b"".join(rest)):
                parts = rest
            else:
                start += size
        size //= 2
    return parts


def _kept(folder: Path, mutant: Mutant) -> Path:
    folder.mkdir(exist_ok=True)
    file = folder / f"{mutant.number}_{mutant.name}"
    file.write_bytes(mutant.content)
    return file


if __name__ == "__main__":
    sys.exit(main())
