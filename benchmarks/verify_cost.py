"""What `--verify` costs for ten findings: processor time of nnlint and all that it starts.

    python benchmarks/verify_cost.py

takes ten fixtures with one finding each (view-mixes-batch, softmax-into-cross-entropy,
dropout-before-batchnorm) and prints seconds of user and system time of the whole tree of
processes, with `--verify` and without. `--package PATH` measures another checkout.
"""

from __future__ import annotations

import argparse
import os
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).parent.parent
FILES = {
    "view-mixes-batch": (
        "bad_last_hidden_state",
        "bad_heads_without_transpose",
        "bad_swap_batch_time",
        "bad_after_transpose",
    ),
    "softmax-into-cross-entropy": ("bad_inside_model", "bad_segmentation", "bad_multitask"),
    "dropout-before-batchnorm": (
        "bad_directly_before",
        "bad_dropout2d",
        "bad_through_residual",
    ),
}


def spent() -> float:
    """Seconds of processor time of the processes that have ended."""
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


def main() -> None:
    """Measure, and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--package", type=Path, default=ROOT, help="checkout to measure")
    options = parser.parse_args()
    package = options.package.absolute()
    environment = {**os.environ, "PYTHONPATH": f"{package}{os.pathsep}{package / 'rules'}"}
    with tempfile.TemporaryDirectory() as folder:
        for rule, names in FILES.items():
            for name in names:
                shutil.copy(ROOT / "fixtures" / rule / f"{name}.py", folder)
        command = [sys.executable, "-m", "nnlint", "--no-cache", "--isolated", "--exit-zero"]
        command += ["--select", ",".join(FILES), "--output-format", "concise"]
        for more in ([], ["--verify", "--python", sys.executable]):
            before, started = spent(), time.monotonic()
            subprocess.run(
                [*command, *more, "."],
                cwd=folder,
                env=environment,
                check=True,
                stdout=subprocess.DEVNULL,
            )
            told = " ".join(more[:1]) or "linting alone"
            print(
                f"{told}: {spent() - before:.1f} s of processor time, "
                f"{time.monotonic() - started:.1f} s in all"
            )


if __name__ == "__main__":
    main()
