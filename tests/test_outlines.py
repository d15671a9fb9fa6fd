"""Columns and rows: what is known of tensors whose shape is not, and of numbers from outside."""

from __future__ import annotations

import pytest
from program_text import analysed

from nnlint.semantics.outlines import comes_from_vectors, is_column, is_row, outline

HEAD = """
import numpy as np
import pandas as pd
import torch
from torch import nn

model = nn.Sequential(nn.Linear(8, 16), nn.ReLU(), nn.Linear(16, 1))
recurrent = nn.GRU(8, 8)


def compute(x, y, rewards, table: pd.DataFrame, other):
"""


def last(body):
    """What the last flatten of a function of unknown inputs is given."""
    lines = "\n".join(f"    {line}" for line in body.split("\n"))
    flattened = [o for o in analysed(HEAD + lines).operations if o.entry.family == "flatten"]
    return flattened[-1].inputs[0]


def sort_of(tensor):
    known = outline(tensor)
    return "column" if is_column(known) else "row" if is_row(known) else known


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("model(x)", "column"),
        ("0.5 * model(x).relu()", "column"),
        ("model(x).squeeze(-1)", "row"),
        ("model(x).squeeze()", "row"),
        ("model(x)[:, 0]", "row"),
        ("model(x)[..., -1] + 1", "row"),
        ("model(x).squeeze(-1) + model(y).squeeze(-1)", "row"),
        ("model(x)[0]", None),
        ("model(x) * y.tanh()", None),
        ("model[0](x)", None),
        ("torch.relu(y)", None),
    ],
)
def test_what_a_layer_of_one_output_makes(expression, expected):
    assert sort_of(last(f"({expression}).flatten()")) == expected


def test_only_layers_of_vectors_stand_between_a_tensor_and_its_vectors():
    assert comes_from_vectors(last("model(x).squeeze(-1).flatten()"))
    assert not comes_from_vectors(last("model(recurrent(x)[0]).squeeze(-1).flatten()"))


@pytest.mark.parametrize(
    ("making", "axes"),
    [
        ("torch.tensor([float(r) for r in rewards])", 1),
        ("torch.tensor([float(r) for r in rewards][::-1])", 1),
        ("torch.tensor(list(reversed([int(r) for r in rewards])))", 1),
        ("torch.tensor([[float(r)] for r in rewards])", 2),
        ("torch.tensor([r for r in y])", None),
        ("torch.tensor(int(y[0]))", 0),
        ("torch.from_numpy(np.log1p(np.array([float(r) for r in rewards])))", 1),
        ("torch.tensor(table['price'].values)", 1),
        ("torch.tensor(table[['price']].values)", 2),
        ("torch.from_numpy(np.sqrt(table.pop('price').to_numpy()))", 1),
        ("torch.from_numpy(other.pop('price').to_numpy())", None),
        ("torch.zeros(12, 3)[torch.randperm(12)[:4]]", 2),
        ("torch.zeros(12, 3)[torch.randperm(12)[:4] > 2]", 2),
    ],
)
def test_how_many_axes_numbers_from_outside_have(making, axes):
    shape = last(f"{making}.flatten()").shape
    assert (None if shape is None else len(shape)) == axes


def test_a_list_that_grew_has_no_known_length_in_another_order_either():
    for text in ("values[::-1]", "list(values)", "list(reversed(values))"):
        tensor = last(
            "values = []\nfor r in rewards:\n    values.append(float(r))\n"
            f"torch.tensor({text}).flatten()"
        )
        assert tensor.shape is not None
        assert [axis.size.integer for axis in tensor.shape[0]] == [None]


def test_columns_of_rows_that_grew_have_no_known_length():
    tensor = last(
        "rows = []\nfor r in rewards:\n    rows.append((torch.zeros(2, 3), r))\n"
        "torch.cat(list(zip(*rows))[0]).flatten()"
    )
    assert tensor.shape is not None
    assert tensor.shape[0][0].size.integer is None


def test_an_element_of_the_parts_of_a_tensor_has_its_axes():
    tensor = last("for part in torch.zeros(12, 3).split(other):\n    part.flatten()")
    assert tensor.shape is not None
    assert len(tensor.shape) == 2
    assert tensor.shape[1][0].size.integer == 3
