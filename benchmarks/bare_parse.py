"""The yardstick: `libcst.parse_module` of every file below a folder, and nothing else.

python -m benchmarks.bare_parse FOLDER PROCESSES
"""

from __future__ import annotations

import sys
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import libcst

from benchmarks.packages import python_files


def parse(path: Path) -> int:
    """Parse one file; returns its lines, 0 when LibCST cannot parse it."""
    raw = path.read_bytes()
    try:
        libcst.parse_module(raw)
    except libcst.ParserSyntaxError:
        return 0
    return raw.count(b"\n")


def main() -> None:
    """Parse everything; prints the number of lines."""
    files = python_files(Path(sys.argv[1]))
    processes = int(sys.argv[2])
    if processes == 1:
        lines = sum(map(parse, files))
    else:
        with ProcessPoolExecutor(processes) as pool:
            lines = sum(pool.map(parse, files, chunksize=16))
    print(lines)


if __name__ == "__main__":
    main()
