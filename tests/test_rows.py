"""Which rows values hold, and what was learnt from rows on the way to them."""

from __future__ import annotations

import pytest
from program_text import main_program

from nnlint.project.ecosystem import takes_part
from nnlint.questions.data.leaks import leaks
from nnlint.semantics.rows import rows_of

HEAD = """
import numpy as np
import pandas as pd
import torch
from sklearn.model_selection import train_test_split
from sklearn.preprocessing import StandardScaler
X = np.load("x.npy")
frame = pd.read_csv("x.csv")
scaler = StandardScaler()
"""


def learnt(text):
    """The code that learns from held-out rows."""
    return [leak.fit.site.text for leak in leaks(main_program(HEAD + text))]


@pytest.mark.parametrize(
    "between",
    [
        "Z = scaler.fit_transform(X)",
        "Z = scaler.fit(X).transform(X)",
        "Z = torch.tensor(scaler.fit_transform(X)).float()",
        "Z = pd.DataFrame(scaler.fit_transform(X), columns=['a', 'b'])",
        "Z = np.hstack([scaler.fit_transform(X), X])",
        "Z = np.log1p(scaler.fit_transform(X.astype('float32')).copy())",
        "Z = X[:, 1:]\nZ[:, 2:4] = scaler.fit_transform(Z[:, 2:4])",
        "frame['a'] = scaler.fit_transform(frame[['a']])\nZ = frame.drop(columns=['b'])",
        "frame.loc[:, 'a'] = scaler.fit_transform(frame[['a']])\nZ = frame[['a', 'c']].values",
        "Z = frame.iloc[:, :-1].values\nZ = scaler.fit_transform(Z)",
        "def prepare(rows):\n    return scaler.fit_transform(rows)\nZ = prepare(frame)",
    ],
)
def test_what_is_learnt_goes_into_the_parts(between) -> None:
    assert len(learnt(f"{between}\na, b = train_test_split(Z)\n")) == 1


@pytest.mark.parametrize(
    "between",
    [
        "scaler.fit(X)\nZ = X",
        "frame['a'] = scaler.fit_transform(frame[['a']])\nZ = frame.drop(columns=['a'])",
        "frame['a'] = scaler.fit_transform(frame[['a']])\nZ = frame[['b', 'c']]",
        "frame['a'] = scaler.fit_transform(frame[['a']])\nframe['a'] = frame['b']\nZ = frame",
        "Z = unknown(scaler.fit_transform(X))",
        "Z = scaler.fit(other).transform(X)",
        "Z = X / X.max()",
        "Z = (X - X.mean(axis=1, keepdims=True)) / X.std(axis=1, keepdims=True)",
        "Z = pd.concat([frame, pd.read_csv('y.csv')])\nZ = Z[:100]",
        "Z = X > np.median(X)",
    ],
)
def test_what_does_not_reach_the_parts_is_left_alone(between) -> None:
    assert learnt(f"{between}\na, b = train_test_split(Z)\n") == []


def test_a_part_is_told_by_its_name_or_its_branch() -> None:
    named = "Z = scaler.fit_transform(X)\ntrain, test = Z[:80], Z[80:]\n"
    assert learnt(named) == ["scaler.fit_transform(X)"]
    branch = (
        "Z = scaler.fit_transform(X)\nif part == 'train':\n    D = Z[:80]\nelse:\n    D = Z[80:]\n"
    )
    assert learnt(branch) == ["scaler.fit_transform(X)"]
    assert learnt("Z = scaler.fit_transform(X)\nhead, tail = Z[:80], Z[80:]\n") == []


@pytest.mark.parametrize(
    "text",
    [
        "Z = torch.tensor(scaler.fit_transform(X))\n"
        "train_loader = DataLoader(TensorDataset(Z[:80]), batch_size=8)\n"
        "test_loader = DataLoader(TensorDataset(Z[80:]), batch_size=8)\n",
        "data = TensorDataset(torch.tensor(scaler.fit_transform(X)))\n"
        "train_loader = DataLoader(data, sampler=SubsetRandomSampler(range(80)))\n"
        "test_loader = DataLoader(data, sampler=SubsetRandomSampler(range(80, 100)))\n",
        "columns = [c for c in frame.columns if c != 'y']\n"
        "frame[columns] = scaler.fit_transform(frame[columns])\n"
        "train = frame.sample(frac=0.8)\ntest = frame.drop(train.index)\n",
        "mask = np.random.rand(len(X)) < 0.8\nscaler.fit(X)\n"
        "train, test = scaler.transform(X[mask]), scaler.transform(X[~mask])\n",
    ],
)
def test_parts_are_told_by_what_is_made_of_them(text) -> None:
    loaders = "from torch.utils.data import DataLoader, SubsetRandomSampler, TensorDataset\n"
    assert len(learnt(loaders + text)) == 1


def test_rows_of_a_table_are_those_when_it_is_split() -> None:
    behind = "a, b = train_test_split(frame)\nframe['a'] = scaler.fit_transform(frame[['a']])\n"
    assert learnt(behind) == []


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (b"from sklearn.svm import SVC\na, b = train_test_split(x)\nSVC().fit(a)\n", True),
        (b"from sklearn.svm import SVC\nSVC().fit(a)\n", False),
        (b"from sklearn.model_selection import KFold\nKFold(5).split(x)\n", False),
        (b"a, b = train_test_split(x)\nmodel.fit(a)\n", False),
    ],
)
def test_what_splits_and_fits_takes_part(text, expected) -> None:
    assert takes_part(text) is expected
    assert takes_part(text.replace(b"\n", b"\\n"), is_notebook=True) is expected


@pytest.mark.parametrize(
    ("written", "kept"),
    [
        ("frame['b{0}'] = frame['a'].shift({0})", "follow"),
        ("frame['b{0}'] = (frame['a'] - frame['a'].shift({0})) / frame['c']", "follow"),
        ("frame['b{0}'] = frame['a'].rolling({0}).mean() + frame['b'].diff({0})", "follow"),
        ("frame[f'b{0}'] = frame['a'] / frame['a'].max()", "fits"),
        ("frame = pd.concat([frame, frame.sample(frac=1.0, replace=True)])", "resampled"),
    ],
)
def test_what_is_kept_of_a_table_grows_with_the_program(written: str, kept: str) -> None:
    def length(count: int) -> int:
        rounds = "\n".join(written.format(i) for i in range(1, count + 1))
        program = main_program(f"{HEAD}{rounds}\ntorch.relu(torch.tensor(frame.values))\n")
        rows = rows_of(program.operations[-1].inputs[0])
        assert rows is not None
        return len(getattr(rows, kept))

    few, many = length(4), length(12)
    assert few > 0
    assert many <= 3 * few
