"""`nnlint audit` on data whose faults are known, beside cleanlab and dash-mlguard; its time and memory.

`python -m benchmarks.audit` plants faults into the data sets that scikit-learn ships and into
pictures made on the spot, and counts what is found and what is reported beside it.
`--mlguard PYTHON` names an interpreter that has dash-mlguard. `--samples 50000` measures time and
memory.
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import time
import warnings
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from nnlint.audit.auditing import Audit, Wishes, audit
from nnlint.audit.labelling import quiet
from nnlint.audit.samples import Array, Batch, Sink, SplitInfo

KINDS = (
    *("exact-duplicates", "leaked rows", "near-duplicates", "near, across splits", "label-issues"),
    *("not-finite", "constant-input", "out-of-range", "outliers"),
)


@dataclass
class Planted:
    """A data set, and what was done to it."""

    name: str
    splits: dict[str, tuple[Array, Array]]
    truth: dict[str, set[Any]] = field(default_factory=lambda: defaultdict(set))
    """By kind, the samples (split, index), or the second of each pair, as they were planted."""

    def read(self, sink: Sink) -> None:
        """Hand over the samples, as a loader would."""
        for split, (inputs, labels) in self.splits.items():
            sink.split(SplitInfo(split, len(inputs), split != "train", True, "loader"))
            for start in range(0, len(inputs), 64):
                rows = slice(start, start + 64)
                shown = {"0": inputs[rows], "1": labels[rows]}
                sink.batch(Batch(split, shown, len(inputs[rows]), tuple(range(len(inputs)))[rows]))


def digits(seed: int) -> Planted:
    """Digits of 8 by 8 as pictures."""
    from sklearn.datasets import load_digits

    found = load_digits()
    return planted("digits", found.images[:, None].astype(np.float32) / 16, found.target, seed)


def cancer(seed: int) -> Planted:
    """Measurements of cells, standardised as a loader does."""
    from sklearn.datasets import load_breast_cancer

    inputs, target = load_breast_cancer(return_X_y=True)
    inputs = (inputs - inputs.mean(0)) / inputs.std(0)
    return planted("breast cancer", inputs.astype(np.float32), target, seed)


def drawn(seed: int, count: int = 20) -> Planted:
    """A few pictures of discs and boxes, in colours."""
    generator = np.random.default_rng(seed)
    pictures = np.stack([_drawing(generator, i % 2) for i in range(count)])
    return planted(f"{count} pictures", pictures, np.arange(count) % 2, seed, few=True)


def _drawing(generator: Any, kind: int) -> Array:
    y, x = np.mgrid[:64, :64]
    out = np.zeros((3, 64, 64)) + generator.uniform(0, 0.3, (3, 1, 1))
    (a, b), radius = generator.uniform(18, 46, 2), generator.uniform(8, 18)
    disc = (x - a) ** 2 + (y - b) ** 2 < radius**2
    box = (abs(x - a) < radius) & (abs(y - b) < radius)
    out[:, disc if kind else box] = generator.uniform(0.5, 1, (3, 1))
    return (out + generator.normal(0, 0.03, out.shape)).clip(0, 1).astype(np.float32)


def planted(name: str, inputs: Array, labels: Array, seed: int, few: bool = False) -> Planted:
    """Divide, copy, blur, swap and break."""
    generator = np.random.default_rng(seed)
    order = generator.permutation(len(inputs))
    cut = int(0.75 * len(order))
    train, test = inputs[order[:cut]], inputs[order[cut:]]
    taught, asked = labels[order[:cut]].copy(), labels[order[cut:]].copy()
    data = Planted(name, {})
    copies = 2 if few else 20
    swaps = 0 if few else max(10, len(taught) // 25)
    free = generator.permutation(len(train))
    swapped, broken, free = free[:swaps], free[swaps : swaps + copies], free[swaps + copies :]
    sources = (
        free[:copies],
        free[copies : 2 * copies],
        free[2 * copies : 3 * copies],
        free[-copies:],
    )
    classes = np.unique(labels)
    for row in swapped:
        taught[row] = generator.choice(classes[classes != taught[row]])
        data.truth["label-issues"].add(("train", int(row)))
    spread = train.std()
    near = [train[s] + generator.normal(0, 0.06 * spread, train[s].shape) for s in sources[2:]]
    if inputs.ndim == 4:
        near = [n.clip(0, 1) for n in near]
    train = train.copy()
    half = len(broken) // 2
    for row in broken[:half]:
        train[row].reshape(-1)[generator.integers(train[row].size)] = np.nan
        data.truth["not-finite"].add(("train", int(row)))
    for row in broken[half:]:
        if inputs.ndim == 4:
            train[row] = 0
            data.truth["constant-input"].add(("train", int(row)))
        else:
            train[row, generator.integers(train.shape[1])] = 1000 * spread
            data.truth["out-of-range"].add(("train", int(row)))
    first, last = len(train), len(test)
    train = np.concatenate([train, train[sources[0]], near[0]]).astype(np.float32)
    taught = np.concatenate([taught, taught[sources[0]], taught[sources[2]]])
    test = np.concatenate([test, train[sources[1]], near[1]]).astype(np.float32)
    asked = np.concatenate([asked, taught[sources[1]], taught[sources[3]]])
    for place in range(copies):
        data.truth["exact-duplicates"].add(("train", first + place))
        data.truth["near-duplicates"].add(("train", first + copies + place))
        data.truth["leaked rows"].add(("test", last + place))
        data.truth["near, across splits"].add(("test", last + copies + place))
    data.splits = {"train": (train, taught), "test": (test, asked)}
    return data


def found_by_nnlint(report: Audit) -> dict[str, set[Any]]:
    """Samples by kind, as `Planted.truth` has them."""
    found: dict[str, set[Any]] = defaultdict(set)
    for finding in report.findings:
        kind = finding.kind
        if finding.other_split:
            kind = {
                "exact-duplicates": "leaked rows",
                "near-duplicates": "near, across splits",
            }.get(kind, kind)
        split = finding.other_split or finding.split
        found[kind] |= {(split, pair[1]) for pair in finding.pairs}
        found[kind] |= {(split, index) for index in finding.examples}
        if kind == "out-of-range" and not finding.examples:
            found[kind].add((split, finding.column))
    return found


def found_by_cleanlab(data: Planted) -> dict[str, set[Any]]:
    """What Datalab reports of all splits together, with its defaults, as its tutorials use it."""
    from cleanlab import Datalab
    from sklearn.linear_model import LogisticRegression
    from sklearn.model_selection import cross_val_predict
    from sklearn.preprocessing import StandardScaler

    inputs = np.concatenate([x for x, _ in data.splits.values()])
    flat = inputs.reshape(len(inputs), -1).astype(float)
    labels = np.concatenate([y for _, y in data.splits.values()])
    broken = ~np.isfinite(flat).all(1)
    filled = StandardScaler().fit_transform(np.where(np.isfinite(flat), flat, 0))
    with quiet(), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model = LogisticRegression(max_iter=300)
        chances = cross_val_predict(model, filled, labels, cv=3, method="predict_proba")
        lab = Datalab({"label": labels.tolist()}, label_name="label", verbosity=0)
        lab.find_issues(pred_probs=chances, features=filled)
        table = lab.get_issues()
        near = lab.get_issues("near_duplicate")["near_duplicate_sets"]
    names = list(data.splits)
    sizes = [len(x) for x, _ in data.splits.values()]
    ends = np.cumsum([0, *sizes])

    def place(row: int) -> tuple[str, int]:
        split = int(np.searchsorted(ends, row, side="right")) - 1
        return names[split], int(row - ends[split])

    found: dict[str, set[Any]] = defaultdict(set)
    for row in range(len(flat)):
        if bool(table["is_label_issue"].iloc[row]):
            found["label-issues"].add(place(row))
        if bool(table["is_outlier_issue"].iloc[row]):
            found["outliers"].add(place(row))
        if broken[row]:
            continue
        for other in np.asarray(near.iloc[row]).tolist():
            if other < row and not broken[other]:
                (split, _), second = place(other), place(row)
                exact = (flat[other] == flat[row]).all()
                if split == second[0]:
                    found["exact-duplicates" if exact else "near-duplicates"].add(second)
                else:
                    found["leaked rows" if exact else "near, across splits"].add(second)
    return found


_MLGUARD = """
import json, sys, numpy as np, pandas as pd, dash_mlguard
data = np.load(sys.argv[1])
frames = [pd.DataFrame(data[k].reshape(len(data[k]), -1)).add_prefix("f") for k in ("a", "b")]
report = dash_mlguard.check(frames[0], data["y"], X_test=frames[1], y_test=data["z"])
print(json.dumps([[f.code, f.message] for f in report.findings]))
"""


def told_by_mlguard(data: Planted, python: str) -> list[tuple[str, str]]:
    """The codes and messages of dash-mlguard, which names no rows."""
    import tempfile

    (a, y), (b, z) = data.splits.values()
    with tempfile.NamedTemporaryFile(suffix=".npz") as file:
        np.savez(file.name, a=a, b=b, y=y, z=z)
        command = [python, "-c", _MLGUARD, file.name]
        printed = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    return [(str(code), str(message)) for code, message in json.loads(printed)]


def scored(
    truth: dict[str, set[Any]], found: dict[str, set[Any]]
) -> dict[str, tuple[int, int, int]]:
    """By kind: planted, of these found, and reported beside them."""
    # what was planted as one kind may truly be reported as another
    everything = set().union(*truth.values()) if truth else set()
    out = {}
    for kind in KINDS:
        wanted, got = truth.get(kind, set()), found.get(kind, set())
        if kind == "out-of-range" and wanted:
            out[kind] = (len(wanted), len(got & wanted), len(got - everything))
            continue
        beside = got - wanted
        if kind in ("outliers", "label-issues"):
            beside = beside - everything if kind == "outliers" else beside
        out[kind] = (len(wanted), len(got & wanted), len(beside))
    return out


def measured(seeds: int) -> Iterator[tuple[str, str, str, int, int, int]]:
    """Data set, tool, kind: planted, found, beside; sums over the seeds."""
    for make in (digits, cancer, drawn):
        sums: dict[tuple[str, str], Array] = defaultdict(lambda: np.zeros(3, int))
        name = ""
        for seed in range(seeds):
            data = make(seed)
            name = data.name
            with quiet():
                report = audit(name, data, Wishes(seed=seed))
            for tool, found in (("nnlint", found_by_nnlint(report)), ("cleanlab", None)):
                if found is None and len(data.splits["train"][0]) < 50:
                    continue
                told = found if found is not None else found_by_cleanlab(data)
                for kind, numbers in scored(data.truth, told).items():
                    sums[tool, kind] += numbers
        for (tool, kind), (planted_, hit, beside) in sums.items():
            yield name, tool, kind, int(planted_), int(hit), int(beside)


def clean(seeds: int) -> Iterator[tuple[str, list[str]]]:
    """What is reported of the data as it is, where nothing was planted."""
    from sklearn.datasets import load_breast_cancer, load_digits, load_iris, load_wine

    sets = {
        "digits": (load_digits().images[:, None].astype(np.float32) / 16, load_digits().target),
        "digits, flat": (load_digits().data, load_digits().target),
        "breast cancer": load_breast_cancer(return_X_y=True),
        "wine": load_wine(return_X_y=True),
        "iris": load_iris(return_X_y=True),
    }
    for name, (inputs, labels) in sets.items():
        order = np.random.default_rng(0).permutation(len(inputs))
        cut = int(0.75 * len(order))
        halves = {"train": order[:cut], "test": order[cut:]}
        data = Planted(name, {s: (inputs[rows], labels[rows]) for s, rows in halves.items()})
        with quiet():
            report = audit(name, data, Wishes())
        yield name, [f"{f.level.value} {f.kind} ({f.split}): {f.message}" for f in report.findings]


def cost(count: int, side: int) -> tuple[float, float]:
    """Seconds of processor time and MiB for so many pictures of `side` pixels, made as they are read."""

    class Stream:
        def read(self, sink: Sink) -> None:
            generator = np.random.default_rng(0)
            kinds = generator.uniform(0, 1, (10, 3, side, side)).astype(np.float32)
            sink.split(SplitInfo("train", count, True, True, "loader"))
            for start in range(0, count, 128):
                labels = generator.integers(0, 10, min(128, count - start))
                noise = generator.normal(0, 0.5, (len(labels), 3, side, side))
                pictures = (kinds[labels] + noise).astype(np.float32)
                places = tuple(range(start, start + len(labels)))
                sink.batch(Batch("train", {"0": pictures, "1": labels}, len(labels), places))

    started = time.process_time()
    with quiet():
        audit("stream", Stream(), Wishes())
    return time.process_time() - started, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def main() -> None:
    """Measure, and print tables of Markdown."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--mlguard", metavar="PYTHON")
    parser.add_argument("--samples", type=int, default=0)
    parser.add_argument("--side", type=int, default=32)
    options = parser.parse_args()
    if options.samples:
        seconds, memory = cost(options.samples, options.side)
        print(f"{options.samples:,} pictures of {options.side}×{options.side}: ", end="")
        print(f"{seconds:.0f} s of processor time, {memory:,.0f} MiB")
        return
    print("| data | kind | planted | nnlint found | beside | cleanlab found | beside |")
    print("|---|---|--:|--:|--:|--:|--:|")
    rows: dict[tuple[str, str], dict[str, tuple[int, int, int]]] = defaultdict(dict)
    for name, tool, kind, planted_, hit, beside in measured(options.seeds):
        rows[name, kind][tool] = (planted_, hit, beside)
    for (name, kind), tools in rows.items():
        planted_, hit, beside = tools["nnlint"]
        other = tools.get("cleanlab", ("", "–", "–"))
        if planted_ or beside or any(isinstance(v, int) and v for v in other):
            print(f"| {name} | {kind} | {planted_} | {hit} | {beside} | {other[1]} | {other[2]} |")
    print("\nReported of the data as it is:\n")
    for name, told in clean(1):
        print(f"- {name}: " + ("; ".join(told) or "nothing"))
    if options.mlguard:
        print("\ndash-mlguard on the planted breast cancer:\n")
        for code, message in told_by_mlguard(cancer(0), options.mlguard):
            print(f"- {code}: {message}")


if __name__ == "__main__":
    main()
