"""The first batch of whatever gives batches, and one clear line where there is none."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from nnlint.verify.loaders import read_loader
from nnlint.verify.runtime.construction.on_data import criterion_of
from nnlint.verify.runtime.data.batching import first_batch
from nnlint.verify.runtime.data.faults import NoData
from nnlint.verify.runtime.steps import Criterion, NoStep, pair
from nnlint.verify.targets import TargetError

DATA = """
import os
import time
from dataclasses import dataclass
from types import SimpleNamespace

import numpy
import torch
from torch.utils.data import DataLoader, Dataset, IterableDataset, TensorDataset

x, y = torch.randn(40, 6), torch.arange(40) % 3
pairs = DataLoader(TensorDataset(x, y), batch_size=8, shuffle=True, num_workers=2)
batches = [(x[:8], y[:8]), (x[8:16], y[8:16])]


class Examples(Dataset):
    classes = ["a", "b", "c"]

    def __init__(self, size=40):
        self.size = size

    def __len__(self):
        return self.size

    def __getitem__(self, i):
        return {"x": x[i], "label": int(y[i])}


class Stream(IterableDataset):
    def __iter__(self):
        yield from zip(x, y)


class Module:
    def setup(self, stage):
        assert stage == "fit"
        self.data = TensorDataset(x, y)

    def train_dataloader(self):
        return DataLoader(self.data, batch_size=4)


class Ragged(Dataset):
    def __len__(self):
        return 4

    def __getitem__(self, i):
        return torch.zeros(i + 1), 0


class Broken(Dataset):
    def __len__(self):
        return 4

    def __getitem__(self, i):
        raise ValueError("image 3 is truncated")


@dataclass
class Pair:
    x: torch.Tensor
    label: torch.Tensor


def make(size=8):
    return DataLoader(TensorDataset(x, y), batch_size=size)


def both(size):
    return make(size), make(size)


def by_split():
    return {"val": make(2), "train": make(5)}


def generator():
    yield x[:8].numpy(), y[:8].numpy()


def objects():
    yield SimpleNamespace(x=x[:8], label=y[:8])


def records():
    yield Pair(x[:8], y[:8])


def empty():
    return DataLoader(TensorDataset(x[:0], y[:0]), batch_size=8)


def nothing():
    return None


def words():
    yield ["a", "b"], ["c", "d"]


def raises():
    raise FileNotFoundError("data/train is not there")


def hangs():
    while True:
        time.sleep(0.05)


def needs(root):
    return make()


def torn():
    # another folder is looked into, and what is told is what this one says
    raise OSError("songs/3.png is cut off" if os.path.isdir("songs") else "no songs here")


def part():
    return {"train": make(7), "val": None, "classes": ["a", "b"]}


def arrays():
    return x.numpy(), y.numpy()


listed = [(row, int(label)) for row, label in zip(x, y)]


def saves():
    open("/nowhere/cache.bin", "wb")


def main(size=10):
    loader = make(size)
    for _ in loader:
        raise AssertionError("the loop of the program does not run")


ragged, broken, number = Ragged(), Broken(), 3
"""


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    file = tmp_path_factory.mktemp("loading") / "data_of_tests.py"
    file.write_text(DATA)
    return file


def taken(data, name, seconds=20.0):
    return first_batch(read_loader(f"{data}:{name}").as_job(seconds))


@pytest.mark.parametrize(
    ("name", "kind", "count"),
    [
        ("pairs", "loader", 8),
        ("make", "loader", 8),
        ("make(size=5)", "loader", 5),
        ("both(3)", "loader", 3),
        ("by_split", "loader", 5),
        ("batches", "iterable", 8),
        ("generator", "iterable", 8),
        ("Examples", "dataset", 32),
        ("Examples(12)", "dataset", 12),
        ("Stream", "iterable", 32),
        ("Module", "loader", 4),
        ("Module.train_dataloader", "loader", 4),
        ("main.loader", "loader", 10),
        ("objects", "iterable", 8),
        ("records", "iterable", 8),
        ("part", "loader", 7),
        ("arrays", "dataset", 32),
        ("listed", "dataset", 32),
    ],
)
def test_whatever_gives_batches_does(data, name, kind, count):
    batch = taken(data, name)
    assert batch.kind == kind
    step = pair(nn.Linear(6, 3), batch.value, Criterion(nn.CrossEntropyLoss(), "cross_entropy"))
    assert step.inputs.count == count
    assert step.expected == pytest.approx(1.0986, abs=1e-3)
    assert step.seen[0].loss == "cross_entropy"


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("ragged", "its samples have several sizes, which takes a `collate_fn`"),
        ("broken", r"raises ValueError: image 3 is truncated \(data_of_tests.py:56\)"),
        ("empty", "yields nothing"),
        ("nothing", "returns None"),
        ("words", "holds no tensor: it is a tuple of list"),
        ("raises", r"raises FileNotFoundError: data/train is not there \(data_of_tests.py:"),
        ("torn", r"raises OSError: songs/3.png is cut off"),
        ("hangs", r"gave no batch within 0.4 s: it is at data_of_tests.py:"),
        ("needs", r"needs `root`: write the arguments down, as in `…:needs\(root=…\)`"),
        ("number", "gives a int, no loader, data set or iterable"),
        ("absent", "cannot be loaded: .* defines no absent"),
        ("Module.absent", "there is no `absent`"),
        ("pairs(3)", "takes no arguments"),
    ],
)
def test_what_gives_none_is_said_in_a_line(data, name, told, tmp_path, monkeypatch):
    (tmp_path / "songs").mkdir()
    monkeypatch.chdir(tmp_path)
    with pytest.raises(NoData, match=told) as caught:
        taken(data, name, 0.4 if name == "hangs" else 20.0)
    assert "\n" not in str(caught.value)


def test_the_same_seed_is_asked_for_the_same_batch(data):
    assert taken(data, "pairs").repeated is True
    assert taken(data, "generator").repeated is None


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("data", "neither pkg.module:function nor path"),
        ("data:", "names no function"),
        ("data:a b", "names no function"),
        ("data:f(root)", "no plain values"),
        ("gone.py:f", "gone.py is no file"),
        ("a-b:f", "neither a module nor"),
        ("data:f[0]", "names no function"),
    ],
)
def test_a_loader_that_is_written_wrongly_is_said_to_be(text, told):
    with pytest.raises(TargetError, match=told):
        read_loader(text)


class Language(nn.Module):
    def __init__(self):
        super().__init__()
        self.embed, self.head = nn.Embedding(11, 8), nn.Linear(8, 11)

    def forward(self, tokens, targets=None):
        logits = self.head(self.embed(tokens))
        if targets is None:
            return logits
        loss = nn.functional.cross_entropy(logits.view(-1, 11), targets.view(-1))
        return logits, loss


class Trained(nn.Module):
    def __init__(self):
        super().__init__()
        self.net = nn.Linear(6, 1)

    def training_step(self, batch, batch_idx):
        x, y = batch
        return {"loss": nn.functional.mse_loss(self.net(x).squeeze(1), y)}


TOKENS = torch.randint(11, (4, 9))
NUMBERS = (torch.randn(8, 6), torch.randn(8))
IMAGES = torch.rand(4, 6)


@pytest.mark.parametrize(
    ("model", "batch", "loss", "inner", "how"),
    [
        (Language(), (TOKENS, TOKENS), "", True, "forward(batch[0], batch[1])"),
        (Language(), TOKENS, "cross_entropy", False, "forward(batch[:, :-1]) against batch[:, 1:]"),
        (Trained(), NUMBERS, "", True, "training_step(batch)"),
        (nn.Linear(6, 1), NUMBERS, "mse", False, "forward(batch[0]) against part 1 of the batch"),
        (nn.Linear(6, 6), IMAGES, "mse", False, "forward(batch) against the batch itself"),
    ],
)
def test_parts_of_a_batch_go_where_they_belong(model, batch, loss, inner, how):
    step = pair(model, batch, criterion_of(None, loss, lambda file, name: None), inner)
    assert step.call.how == how
    assert step.value == pytest.approx(float(step.seen[0].value.detach()))


def test_what_does_not_fit_is_said(data):
    with pytest.raises(NoStep, match="which loss it is trained with is not known"):
        pair(nn.Linear(6, 1), NUMBERS, None)
    with pytest.raises(NoStep, match="RuntimeError"):
        pair(nn.Linear(5, 1), NUMBERS, criterion_of(None, "mse", lambda file, name: None))
