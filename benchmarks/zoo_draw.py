"""How many classes, drawn at random from public packages, the verifier builds and runs.

    python benchmarks/zoo_draw.py PACKAGES_FOLDER --seed 1 --python VENV/bin/python

draws 70 `nn.Module` classes that define `forward`, ten from each of seven packages, builds
each with no help in a process of its own, and writes a table with the reasons for the rest.
The interpreter needs torch and what the packages import. Searches end by the clock: on a machine
that does other things too, give `--timeout` more than its 120 seconds.
"""

from __future__ import annotations

import argparse
import ast
import json
import random
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from nnlint.verify.running import Conditions, verify_target
from nnlint.verify.session import Limits, Outcome
from nnlint.verify.targets import Target

PACKAGES = (
    "timm",
    "segmentation_models_pytorch",
    "d2l",
    "labml_nn",
    "monai",
    "speechbrain",
    "pytorch_forecasting",
)
EACH = 10


def module_classes(folder: Path) -> list[tuple[Path, str]]:
    """Classes with a `forward` whose bases lead to a Module, by name, within one package."""
    bases: dict[str, set[str]] = {}
    places: list[tuple[Path, str]] = []
    for path in sorted(folder.rglob("*.py")):
        raw = path.read_bytes()
        try:
            tree = ast.parse(raw)
        except SyntaxError:
            continue
        if path.parent.name == "d2l" and path.stem in ("jax", "mxnet", "tensorflow"):
            # the same names for other frameworks
            continue
        for node in tree.body:
            if isinstance(node, ast.ClassDef):
                names = {ast.unparse(b).split(".")[-1].split("[")[0] for b in node.bases}
                bases.setdefault(node.name, set()).update(names)
                if any(isinstance(f, ast.FunctionDef) and f.name == "forward" for f in node.body):
                    places.append((path, node.name))

    def is_module(name: str, seen: frozenset[str] = frozenset()) -> bool:
        if name in ("Module", "LightningModule"):
            return True
        known = bases.get(name, set()) - seen
        return any(is_module(base, seen | {name}) for base in known)

    return [(path, name) for path, name in places if is_module(name)]


def draw(root: Path, seed: int) -> list[tuple[str, Path, str]]:
    """Ten classes of each package."""
    generator = random.Random(seed)
    found = []
    for package in PACKAGES:
        folders = [root / package / package, root / package]
        folder = next(f for f in folders if f.is_dir())
        classes = module_classes(folder)
        found += [(package, p, n) for p, n in generator.sample(classes, EACH)]
    return found


def verify(python: str, path: Path, name: str, timeout: float) -> Outcome:
    """Build the class, run it, and ask the cheapest question of it, as `nnlint verify` does."""
    conditions = Conditions(python, Limits(timeout=timeout))
    return verify_target(Target(name, file=str(path)), ["parameter-share"], conditions, {})


def main() -> None:
    """Draw, build, and write the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("root", type=Path)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--python", default=sys.executable)
    parser.add_argument("--timeout", type=float, default=120.0)
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--only", default="")
    options = parser.parse_args()
    drawn = [d for d in draw(options.root, options.seed) if options.only in f"{d[1]}:{d[2]}"]
    with ThreadPoolExecutor(options.jobs) as pool:
        outcomes = list(
            pool.map(lambda d: verify(options.python, d[1], d[2], options.timeout), drawn)
        )
    built = run = 0
    print("| package | class | built | run | how, or why not |\n|-|-|-|-|-|")
    for (package, _, name), outcome in zip(drawn, outcomes, strict=True):
        failure = outcome.failure
        is_run = bool(outcome.built)
        is_built = is_run or failure.get("stage") == "inputs"
        built, run = built + is_built, run + is_run
        note = outcome.built.get("origin") or f"{failure.get('stage')}: {failure.get('reason')}"
        note = json.dumps(note, ensure_ascii=False)[1:-1].replace("|", "\\|")[:160]
        print(f"| {package} | {name} | {'✓' * is_built} | {'✓' * is_run} | {note} |")
    print(f"\nSeed {options.seed}: {built} of {len(drawn)} built, {run} run.")


if __name__ == "__main__":
    main()
