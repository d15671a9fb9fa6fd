"""Views whose axes are known though the ranks, sizes or layers behind them are not all known."""

from __future__ import annotations

import pytest
from program_text import analysed

from nnlint.semantics.axes import display, joined, one_axis
from nnlint.semantics.axes.regroup import Kind
from nnlint.semantics.axes.sizes import Symbol, size

HEAD = """
import collections.abc
from itertools import repeat
import torch
from torch import nn
from torch.nn import functional as F


def pair(x):
    if isinstance(x, collections.abc.Iterable):
        return tuple(x)
    return tuple(repeat(x, 2))


class Net(nn.Module):
    def __init__(self, width, heads, fused, window=7):
        super().__init__()
        self.heads, self.part, self.window = heads, width // heads, pair(window)
        self.linear = nn.Linear(width, heads * self.part)
        self.norm = nn.BatchNorm1d(width)
        self.both = self.one = None
        if fused:
            self.both = nn.Linear(width, width)
        else:
            self.one = nn.Linear(width, width)

    def forward(self, x, other):
"""


def viewed(body):
    """The last view of a forward method, and the shape that it gives."""
    text = HEAD + "".join(f"        {line}\n" for line in body.split("\n"))
    operations = [o for p in analysed(text).programs if p.name == "Net" for o in p.operations]
    last = [o for o in operations if o.view is not None][-1]
    return last, display(last.result.shape)


@pytest.mark.parametrize(
    ("body", "shape"),
    [
        # the rank is not known, but the last axis is
        ("x.view(-1, x.size(-1))", "(_, _)"),
        ("self.linear(x).view(-1, self.heads, self.part)", "(_, heads, width/heads)"),
        # a view to all that is known shows that there is nothing else
        (
            "n = x.shape[0]\nself.linear(x).view(n, self.heads, self.part)",
            "(n, heads, width/heads)",
        ),
        ("b = x.size(0)\nF.linear(x, self.linear.weight).view(b, -1)", "(b, _)"),
        # a number or a pair
        (
            "b, h, w, c = x.shape\na, d = self.window\nx.view(b, h // a, a, w // d, d, c)",
            "(b, h/7, 7, w/7, 7, c)",
        ),
        # the other layer is None where this one is called
        (
            "b, t, c = x.shape\ny = self.both(x) if other else self.one(x)\n"
            "y.view(b, t, self.heads, self.part)",
            "(b, t, heads, width/heads)",
        ),
        # as many axes on either path
        (
            "b, t, c = x.shape\nif other:\n    x = x[:, 1:]\nx.reshape(b, -1, c)",
            "(b, time, c)",
        ),
        ("b, t, c = x.shape\nself.norm(x.flatten(0, 1)).view_as(x)", "(b, t, c)"),
        (
            "h, w = 3, 5\ngrid = torch.stack(torch.meshgrid(torch.arange(h), torch.arange(w)))\n"
            "grid.view(2, -1)",
            "(stacked, 3·5)",
        ),
    ],
)
def test_the_axes_of_a_view_are_known(body, shape):
    view, found = viewed(body)
    assert view.view.kind is Kind.REGROUPING
    assert found == shape


def test_heads_are_not_in_front_of_nodes():
    view, _ = viewed("n = x.shape[0]\nself.linear(x).view(self.heads, n, self.part)")
    assert view.view.kind is Kind.MIXES_BATCH


def test_of_two_shapes_what_they_share_is_known():
    batch, time, other = (one_axis(size(Symbol(name))) for name in ("b", "t", "o"))
    found = joined((batch, time), (batch, other))
    assert found is not None
    assert found[0] == batch
    assert [s.vague for axis in found[1] for s in axis.size.symbols] == [True]
    assert joined((batch, time), (batch,)) is None
    assert joined((batch,), None) is None
