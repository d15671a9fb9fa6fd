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


MAKES = '''
import torch
from torch.nn.utils.rnn import pack_sequence
from torch.utils.data import DataLoader, Dataset, TensorDataset

x, y = torch.rand(50, 3, 8, 8), torch.arange(50) % 2
many = DataLoader(TensorDataset(x, y), 8)


class Scans(Dataset):
    def __len__(self):
        return 12

    def __getitem__(self, index):
        boxes = {"boxes": torch.rand(index % 4, 4), "number": index}
        return torch.rand(3, 8, 8 + index % 3), boxes


class Uncounted(Dataset):
    def __getitem__(self, index):
        if index >= 10:
            raise IndexError(index)
        return x[index], int(y[index])


class Waves:
    """Raises at each item from the third on."""

    def __iter__(self):
        self.number = 0
        return self

    def __next__(self):
        self.number += 1
        if self.number > 2:
            raise OSError("the stream is closed")
        return {"x": x[:4], "y": y[:4]}


class Module:
    def train_dataloader(self):
        return {"labelled": many, "unlabelled": many}

    def val_dataloader(self):
        raise RuntimeError("the labels are away")


def side_by_side(samples):
    return tuple(zip(*samples))


def arrays():
    return x.numpy(), y.numpy()


def divided():
    return x[:30], x[30:], y[:30], y[30:]


def in_pairs():
    return (x[:30], y[:30]), (x[30:], y[30:])


def alone():
    return x.numpy()


def nested():
    return (many, many), many


def half():
    return {"train": many, "val": None, "classes": ["a", "b"]}


def detection():
    return DataLoader(Scans(), 4, collate_fn=side_by_side)


def records():
    return DataLoader(Scans(), 4, collate_fn=list)


def packed():
    def collate(samples):
        rows = pack_sequence([torch.arange(3 + int(s[1])) for s in samples], enforce_sorted=False)
        return {"ids": rows, "label": torch.tensor([int(s[1]) for s in samples])}

    return DataLoader(TensorDataset(x, y), 4, collate_fn=collate)


def batches():
    return [(x[:8], y[:8]), (x[8:16], y[8:16])]


def samples():
    return [(picture, int(label)) for picture, label in zip(x, y)]
'''


@pytest.fixture(scope="module")
def makes(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What names the functions of a file, for the worker."""
    pytest.importorskip("torch")
    file = tmp_path_factory.mktemp("makes") / "makes_of_data.py"
    file.write_text(MAKES)
    return {"file": str(file), "folders": [str(file.parent)]}


@pytest.mark.parametrize(
    ("name", "counts", "columns"),
    [
        ("arrays", {"data": 50}, {"0", "1"}),
        ("divided", {"train": 30, "validation": 20}, {"0", "1"}),
        ("in_pairs", {"train": 30, "validation": 20}, {"0", "1"}),
        ("alone", {"data": 50}, {"0"}),
        ("nested", {"train-train": 50, "train-validation": 50, "validation": 50}, {"0", "1"}),
        ("half", {"train": 50}, {"0", "1"}),
        ("detection", {"data": 12}, {"0", "1.boxes", "1.number"}),
        ("records", {"data": 12}, {"0", "1.boxes", "1.number"}),
        ("packed", {"data": 50}, {"ids", "label"}),
        ("batches", {"data": 16}, {"0", "1"}),
        ("samples", {"data": 50}, {"0", "1"}),
        ("Uncounted", {"data": 10}, {"0", "1"}),
        ("Waves", {"data": 8}, {"x", "y"}),
        ("Module", {"train-labelled": 50, "train-unlabelled": 50, "validation": 0}, {"0", "1"}),
    ],
)
def test_whatever_holds_samples_is_read(
    makes: dict[str, Any], name: str, counts: dict[str, int], columns: set[str]
) -> None:
    from nnlint.verify.runtime.data.opening import opened
    from nnlint.verify.runtime.data.reading import Fault, pieces

    splits, _ = opened({**makes, "name": name}, 0, dict)
    read = {split: list(pieces(source, 1000)) for split, source in splits.items()}
    whole = {s: [p for p in parts if not isinstance(p, Fault)] for s, parts in read.items()}
    assert {split: sum(p.size for p in parts) for split, parts in whole.items()} == counts
    assert {c for parts in whole.values() for piece in parts for c in piece.columns} == columns
    faults = [p.reason for parts in read.values() for p in parts if isinstance(p, Fault)]
    if name == "Module":
        assert len(faults) == 1 and "val_dataloader() raises RuntimeError: the labels" in faults[0]
    elif name == "Waves":
        assert len(faults) == 4 and faults[-1] == "the last 50 items raise: given up"
    else:
        assert not faults


def test_what_the_sandbox_refused_is_told_where_it_is_wrapped() -> None:
    pytest.importorskip("torch")
    from nnlint.verify.runtime.causes import REFUSED
    from nnlint.verify.runtime.data.faults import told

    try:
        try:
            raise PermissionError(f"{REFUSED}to write outside its scratch folder")
        except PermissionError as inner:
            raise ValueError("the cache cannot be used") from inner
    except ValueError as error:
        assert told(error).startswith("ValueError: the sandbox refused it to write outside")
    assert told(OSError(f"<reader at 0x{id(program):012x}> is gone")) == "OSError: <reader> is gone"
