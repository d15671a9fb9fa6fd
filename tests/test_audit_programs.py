"""`nnlint audit pkg.data:make_loader`: loaders of all makes, run in the verifier's worker."""

from __future__ import annotations

import json
import re
import sys
import types
from pathlib import Path
from typing import Any

import pytest

from nnlint.cli import run

PROGRAM = '''
import dataclasses
import os
import time
from collections import namedtuple

import numpy as np
import torch
from torch.utils.data import DataLoader, Dataset, IterableDataset, TensorDataset

generator = torch.Generator().manual_seed(0)


def pictures(count):
    return torch.rand(count, 3, 16, 16, generator=generator)


class Files(Dataset):
    """Gives what a list holds; raises what is an exception."""

    def __init__(self, samples):
        self.samples = samples

    def __len__(self):
        return len(self.samples)

    def __getitem__(self, index):
        sample = self.samples[index]
        if isinstance(sample, Exception):
            raise sample
        return sample


@dataclasses.dataclass
class Scan:
    image: torch.Tensor
    label: int
    source: object


Pair = namedtuple("Pair", ["image", "label"])


class Stream(IterableDataset):
    def __iter__(self):
        for number in range(24):
            yield {"image": pictures(1)[0], "label": number % 2}


class Batches:
    """A loader of one's own."""

    batch_size = 8

    def __init__(self, count):
        self.count = count

    def __len__(self):
        return self.count

    def __iter__(self):
        for number in range(self.count):
            if number == 1:
                raise RuntimeError("torn archive")
            yield {"image": pictures(8).numpy(), "label": np.arange(8) % 2}


def unlike(count):
    """Pictures of several widths, which do not fit into one batch."""
    return [(torch.rand(3, 16, 16 + n % 3, generator=generator), n % 2) for n in range(count)]


def splits():
    torn = [(picture, n % 2) for n, picture in enumerate(pictures(24))]
    torn[5] = ValueError("cannot decode 5.png")
    return {
        "tuples": DataLoader(Files(torn), 8, num_workers=2),
        "dictionaries": DataLoader(Stream(), 8, num_workers=2),
        "named": Files([Pair(p, n % 2) for n, p in enumerate(pictures(12))]),
        "objects": Files([Scan(p, n % 2, object()) for n, p in enumerate(pictures(12))]),
        "own": Batches(3),
        "ragged": DataLoader(Files(unlike(12)), 4),
        "aliens": Files([object()] * 3),
        "empty": DataLoader(Files([]), 4),
        "broken": Files([OSError("disk gone")] * 60),
    }


class Trap(Files):
    def __getitem__(self, index):
        if index == 9:
            self.samples()
        return pictures(1)[0], index % 2

    def __len__(self):
        return 32


def traps():
    crash = Trap(lambda: os._exit(3))
    return {
        "train": DataLoader(Trap(lambda: time.sleep(600)), 4),
        "validation": crash,
        "test": Files([(p, 0) for p in pictures(8)]),
    }


def faults():
    train, test = pictures(80), pictures(40)
    labels = torch.arange(80) // 40
    test[3] = train[7]
    train[11, 0, 0, 0] = float("nan")
    normalised = (test - 0.45) / 0.225
    return (
        DataLoader(TensorDataset(train, labels), 16),
        DataLoader(TensorDataset(normalised, torch.arange(40) // 20), 16),
    )


def writes():
    open("left.txt", "w")


def three():
    return 3


def needs(root):
    return root


class Split(Files):
    def __init__(self, split):
        super().__init__([(p, 0) for p in pictures({"train": 9, "val": 5, "test": 4}[split])])
'''


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project with its loaders."""
    place = tmp_path_factory.mktemp("project")
    (place / "data.py").write_text(PROGRAM)
    return place


@pytest.fixture
def audit(folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch):
    """Run the command; gives its report, or what it says instead, and its status."""
    pytest.importorskip("torch")
    monkeypatch.chdir(folder)

    def command(target: str, *arguments: str) -> tuple[dict[str, Any], int]:
        status = run(
            [*("audit", target, "--python", sys.executable), *arguments, "--output-format", "json"]
        )
        printed = capsys.readouterr()
        return (json.loads(printed.out) if printed.out else {"error": printed.err}), status

    return command


def told(report: dict[str, Any], split: str, kind: str = "unreadable") -> list[str]:
    """The messages of a kind about a split."""
    return [f["message"] for f in report["findings"] if (f["split"], f["kind"]) == (split, kind)]


def test_loaders_of_all_makes(audit: Any) -> None:
    report, status = audit("data.py:splits")
    assert status == 1
    sizes = {s["split"]: s["samples"] for s in report["splits"]}
    assert sizes == {
        **{"tuples": 23, "dictionaries": 24, "named": 12, "objects": 12, "own": 8, "ragged": 12}
    }
    labels = {s["split"]: s["labels"] for s in report["splits"]}
    assert labels["tuples"] == {"0": 12, "1": 11} and labels["objects"] == {"0": 6, "1": 6}
    [torn] = told(report, "tuples")
    assert torn.startswith("sample 5 raises ValueError: cannot decode 5.png (data.py:")
    [own] = told(report, "own")
    assert "item 1 raises RuntimeError: torn archive" in own
    first, whole = told(report, "ragged")
    assert "cannot be collated" in first and whole == "3 batches in all cannot be collated"
    assert told(report, "aliens") == ["samples hold neither numbers nor texts: `object`"]
    assert told(report, "empty") == ["it yields nothing"]
    assert "disk gone" in told(report, "broken")[0]
    assert len(told(report, "broken")) == 2
    assert not {f["split"] for f in report["findings"]} & {"dictionaries", "named", "objects"}


def test_a_split_that_hangs_or_crashes_costs_itself(audit: Any) -> None:
    report, status = audit("data.py:traps", "--timeout", "8")
    sizes = {s["split"]: s["samples"] for s in report["splits"]}
    assert (sizes, status) == ({"train": 8, "test": 8}, 1)
    [hangs] = told(report, "train")
    assert hangs.startswith("sample 9 gave nothing within 7.2 s: it is at data.py:")
    [crash] = told(report, "validation")
    assert "the worker ended with status 3" in crash


def test_faults_of_a_training_loader(audit: Any) -> None:
    report, status = audit("data.py:faults", "--classes", "2")
    assert status == 1
    kinds = {(f["kind"], f["split"]): f for f in report["findings"]}
    assert kinds["not-finite", "train"]["examples"] == [11]
    # the training loader is sorted by label; an evaluation loader may be
    assert ("sorted-order", "train") in kinds and ("sorted-order", "validation") not in kinds
    assert "normalised differently" in kinds["normalization", "validation"]["message"]
    assert report["splits"][0]["channels"][0]["lowest"] >= 0


def test_the_sandbox_holds(audit: Any, folder: Path) -> None:
    report, status = audit("data.py:writes")
    assert status == 2
    assert report["error"].count("\n") == 1 and report["error"].startswith(
        "error: `data.py:writes` raises"
    )
    assert "the sandbox refused it to write outside its scratch folder" in report["error"]
    assert not (folder / "left.txt").exists()


@pytest.fixture(scope="module")
def program() -> dict[str, Any]:
    """The names of the program, here."""
    pytest.importorskip("torch")
    names: dict[str, Any] = {"__name__": "data"}
    sys.modules["data"] = types.ModuleType("data")
    exec(PROGRAM, names)
    return names


def test_targets_by_their_splits(program: dict[str, Any]) -> None:
    from nnlint.verify.runtime.data.splits import splits_of

    found = splits_of(program["Split"], "it")
    assert {name: len(part) for name, part in found.items()} == {"train": 9, "val": 5, "test": 4}
    assert list(splits_of(program["faults"], "it")) == ["train", "validation"]
    assert list(splits_of(program["splits"], "it"))[:2] == ["tuples", "dictionaries"]
    assert list(splits_of(program["needs"], "it", kwargs={"root": program["Batches"](4)})) == [
        "data"
    ]


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("three", "it gives a int, no loader, data set or iterable"),
        ("needs", "it needs `root`: write the arguments down, as in `…:needs(root=…)`"),
    ],
)
def test_what_gives_no_data_says_so(program: dict[str, Any], name: str, reason: str) -> None:
    from nnlint.verify.runtime.data.faults import NoData
    from nnlint.verify.runtime.data.splits import splits_of

    with pytest.raises(NoData, match=re.escape(reason)):
        splits_of(program[name], "it")
