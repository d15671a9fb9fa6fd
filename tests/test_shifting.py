"""How far one tensor is ahead of another, and which axis of it an axis of a result is."""

from __future__ import annotations

import pytest
from program_text import analysed

from nnlint.semantics.positions import axes_before
from nnlint.semantics.shifting import ahead, as_tensor, cuts_of

HEAD = "import torch\nfrom torch import nn\nimport torch.nn.functional as F\n"


def shifts(text):
    """How many positions the target of the last loss of a script is ahead of its input, by
    everything that both are cut out of."""
    loss = [o for o in analysed(HEAD + text).operations if o.entry.kind == "loss"][-1]
    given, target = (cuts_of(as_tensor(loss.arguments[n])) for n in ("input", "target"))
    return {ahead(target[key], given[key]) for key in given.keys() & target.keys()} - {None}


@pytest.mark.parametrize(
    ("given", "target", "expected"),
    [
        ("t[:, :-1]", "t[:, 1:]", {1}),
        ("t", "t[:, 1:]", {1}),
        ("t[:, 1:]", "t[:, 1:]", {0}),
        ("t[:, :-2]", "t[:, 2:].contiguous().view(-1)", {2}),
        ("d[i : i + n]", "d[i + 1 : i + n + 1]", {1}),
        ("d[i : i + n]", "d[i + n : i + n + 1]", set()),
        ("d[i : i + n]", "e[i + 1 : i + n + 1]", set()),
        (
            "torch.stack([d[j : j + n] for j in i])",
            "torch.stack([d[j + 1 : j + n + 1] for j in i])",
            {1},
        ),
        ("torch.cat([b, t[:, :-1]], dim=1)", "t", {1}),
        ("F.pad(t[:, :-1], (1, 0))", "t", {1}),
        ("t", "torch.roll(t, -1, 1)", {1}),
        ("t", "torch.cat([t[:, 1:], b], dim=1)", {1}),
        ("t[:, ::2]", "t[:, 1:]", set()),
        ("t[:, 0]", "t[:, 1]", set()),
    ],
)
def test_shift(given, target, expected):
    text = f"def f(t, d, e, b, i, n):\n    return F.cross_entropy({given}, {target})\n"
    assert shifts(text) == expected


@pytest.mark.parametrize(
    ("expression", "axis", "expected"),
    [
        ("x.transpose(1, 2)", 1, 2),
        ("x.transpose(-2, -1)", -1, 1),
        ("x.permute(2, 0, 1)", 0, 2),
        ("x.unsqueeze(1)", 2, 1),
        ("x.view(B, T, 4, -1)", 1, 1),
        ("x.view(B, T, 4, -1).transpose(1, 2)", -2, 1),
        ("nn.Linear(8, 8)(x)", 1, 1),
        ("torch.matmul(x, x.transpose(1, 2))", -2, -2),
        ("x[:, :, 0]", 1, 1),
        ("x[:, 0]", 1, 2),
        ("x[:, 1:]", 1, None),
        ("x.mean(1)", 1, None),
        ("torch.einsum('btc,btc->bt', x, x)", 1, 1),
        ("x.chunk(2, dim=-1)[0]", 1, 1),
    ],
)
def test_axis_before(expression, axis, expected):
    text = f"x = torch.rand(5, 7, 8)\nB, T, C = x.shape\ny = ({expression}).abs()\n"
    operations = analysed(HEAD + text).operations
    last = next(o for o in operations if o.entry.name == "torch.abs")
    x = next(o for o in analysed(HEAD + text).operations if o.entry.name == "torch.rand")
    waiting, found = [(last.inputs[0], axis)], set()
    while waiting:
        tensor, at = waiting.pop()
        if getattr(tensor.producer, "site", None) and tensor.producer.site.key == x.site.key:
            found.add(at % 3)
        else:
            waiting += axes_before(tensor, at)
    assert found == ({expected % 3} if expected is not None else set())
