"""Which axis of a tensor its examples lie along, and what is computed from it."""

import pytest
from program_text import analysed

from nnlint.semantics.examples import examples_axis, joins_examples
from nnlint.semantics.uses import Uses

HEAD = "import torch\nfrom torch import nn\nimport torch.nn.functional as F\n"
NET = """
class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(3, 8, 3)
        self.norm = nn.BatchNorm1d(8)
        self.linear = nn.Linear(8, 4)
        self.last = nn.GRU(8, 8, batch_first=True)
        self.first = nn.GRU(8, 8)

    def forward(self, x):
        return torch.softmax({}, 0)
"""


def softmax(expression):
    """The softmax of a network that gives one of an expression."""
    program = next(p for p in analysed(HEAD + NET.format(expression)).programs if p.name == "Net")
    return program, next(o for o in program.operations if o.entry.family == "softmax")


@pytest.mark.parametrize(
    ("expression", "axis"),
    [
        ("self.conv(x)", 0),
        ("self.linear(self.conv(x).mean((2, 3)))", 0),
        ("self.conv(x).permute(1, 0, 2, 3)", 1),
        ("self.norm(x)", 0),
        ("self.last(x)[0]", 0),
        ("torch.bmm(x, x)", 0),
        ("x.view(batch_size := x.size(0), 2, 4)", 0),
        ("self.linear(self.conv(x).mean((2, 3)).squeeze())", 0),
        # it takes the axis of a batch of one along
        ("self.conv(x).mean((2, 3)).squeeze()", None),
        ("self.linear(self.conv(x).mean((2, 3))).squeeze()", None),
        # what takes sequences first by default tells nothing
        ("self.first(x)[0]", None),
        ("self.linear(x)", None),
        ("self.conv(x)[0]", None),
        ("x", None),
    ],
)
def test_axis_of_examples(expression, axis):
    assert examples_axis(softmax(expression)[1].inputs[0]) == axis


@pytest.mark.parametrize(
    ("expression", "at", "joined"),
    [
        ("x.view((bs := x.size(0)) * x.size(1), x.size(2))", 0, True),
        ("x.view((bs := x.size(0)) * x.size(1), x.size(2))", 1, False),
        ("x.view(bs := x.size(0), -1)", 0, False),
        ("x.view(x.size(0) * x.size(1), x.size(2))", 0, False),
        ("x", 0, False),
    ],
)
def test_axis_that_examples_are_joined_in(expression, at, joined):
    assert joins_examples(softmax(expression)[1].inputs[0], at) is joined


def test_uses_end_at_layers_and_sums():
    text = "self.linear((torch.softmax(x, 0) * x).relu()).sum()"
    program, operation = softmax(text)
    uses = Uses(program)
    given = next(o for o in program.operations if o.entry.family == "softmax")
    assert [o.entry.family for o in uses.through(given)] == ["arithmetic", "activation", "linear"]
    assert operation is given
