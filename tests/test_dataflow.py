"""Where tensors come from: activations, dropout, and what losses are given."""

from __future__ import annotations

import pytest
from program_text import analysed, main_program

from nnlint.questions.loss.losses import last_activation, operands
from nnlint.questions.model.dropout import dropouts_behind_norms, elementwise_dropouts
from nnlint.remedies.pipelines import bypass
from nnlint.rewriting import edits_of
from nnlint.semantics.dataflow import activation, behind, in_one_module
from nnlint.semantics.values import Join, Tensor
from nnlint.source.rewrite import edited

HEAD = "import torch\nfrom torch import nn\nimport torch.nn.functional as F\n"


def operations(text, family):
    """The operations of a family, in a script or in the classes of a module."""
    return [o for o in analysed(HEAD + text).operations if o.entry.family == family]


def last(text):
    """The activation of what the last flatten of a script is given."""
    found = activation(operations(text, "flatten")[-1].inputs[0])
    return found and found[0]


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("F.softmax(x, 1)", "softmax"),
        ("F.softmax(x, 1).view(-1, 3)[:, 0]", "softmax"),
        ("nn.Sequential(nn.Linear(3, 3), nn.Softmax(1))(x)", "softmax"),
        ("torch.cat([F.softmax(x, 1), F.softmax(y, 1)])", "softmax"),
        ("torch.cat([F.softmax(x, 1), y])", None),
        ("F.softmax(x, 1) * y", None),
        ("F.softmax(x, 1) @ y", None),
        ("F.gumbel_softmax(x)", "gumbel_softmax"),
        ("(F.softmax(x, 1) if y.any() else x)", None),
    ],
)
def test_activation(expression, expected):
    assert last(f"x, y = torch.rand(2, 3), torch.rand(2, 3)\n({expression}).flatten()") == expected


def test_behind_needs_every_path_and_looks_no_further_than_the_nearest():
    text = """
x = F.relu(torch.rand(2, 3))
if torch.rand(1).item() > 0.5:
    x = F.elu(x)
x = F.silu(x).flatten()
"""
    silu = operations(text, "activation")[-1]

    def names(kinds):
        goal = [f"torch.nn.functional.{kind}" for kind in kinds]
        found = behind(silu.inputs[0], lambda o: o.entry.name in goal, lambda o: False)
        return sorted(o.entry.name.rpartition(".")[2] for o in found.values())

    assert names(["elu"]) == []
    assert names(["relu"]) == ["relu"]
    assert names(["relu", "elu"]) == []


def dropouts(text, question=dropouts_behind_norms):
    """The texts of dropouts that a question finds behind layers."""
    programs = analysed(HEAD + text).programs
    return [dropout.site.text for program in programs for dropout, _ in question(program)]


NET = """
class Net(nn.Module):
    def __init__(self, {parameters}):
        super().__init__()
        self.drop, self.linear, self.norm = {drop}, nn.Linear(3, 3), {norm}
    def forward(self, x):
        return self.norm({middle}(self.drop(x)))
"""


@pytest.mark.parametrize(
    ("parameters", "drop", "norm", "middle", "found"),
    [
        ("p=0.5", "nn.Dropout(p)", "nn.BatchNorm1d(3)", "self.linear", True),
        ("p=0.5", "nn.Dropout2d(p)", "nn.BatchNorm2d(3)", "torch.tanh", True),
        ("p=0.0", "nn.Dropout(p)", "nn.BatchNorm1d(3)", "self.linear", False),
        ("p", "nn.Dropout(p)", "nn.BatchNorm1d(3)", "self.linear", False),
        ("p=0.5", "nn.AlphaDropout(p)", "nn.BatchNorm1d(3)", "self.linear", False),
        ("p=0.5", "nn.Dropout(p)", "nn.BatchNorm1d(3)", "F.softmax", False),
        ("p=0.5", "nn.Dropout(p)", "nn.LayerNorm(3)", "self.linear", False),
        (
            "p=0.5",
            "nn.Dropout(p)",
            "nn.BatchNorm1d(3, track_running_stats=False)",
            "self.linear",
            False,
        ),
        (
            "p=0.5",
            "nn.Dropout(p) if p else nn.Identity()",
            "nn.BatchNorm1d(3)",
            "self.linear",
            True,
        ),
    ],
)
def test_dropouts_behind(parameters, drop, norm, middle, found):
    text = NET.format(parameters=parameters, drop=drop, norm=norm, middle=middle)
    assert bool(dropouts(text)) is found


def test_dropout_of_another_model_is_no_fault_of_the_batch_norm():
    text = """
first = nn.Sequential(nn.Linear(3, 3), nn.Dropout(0.5))
second = nn.Sequential(nn.Linear(3, 3), nn.BatchNorm1d(3))
second(first(torch.rand(2, 3)))
"""
    assert not dropouts(text)
    (drop,), (norm,) = operations(text, "dropout"), operations(text, "batch_norm")
    assert not in_one_module(drop, norm)


def test_elementwise_dropouts_reach_through_pointwise_convolutions():
    text = """
nn.Sequential(
    nn.Conv2d(3, 3, 3), nn.Dropout(0.1), nn.Conv2d(3, 3, 1), nn.Conv2d(3, 3, (3, 1))
)(torch.rand(1, 3, 9, 9))
"""
    assert dropouts(text, elementwise_dropouts) == ["nn.Dropout(0.1)"]


def test_operands_are_told_by_their_names():
    text = """
x, y = torch.rand(2, 3), torch.rand(2, 3)
F.cross_entropy(target=F.softmax(y, 1), input=F.relu(x))
nn.CrossEntropyLoss()(target=F.softmax(y, 1), input=F.relu(x))
"""
    losses = operations(text, "cross_entropy")
    assert len(losses) == 2
    for loss in losses:
        prediction, target = operands(loss)
        assert activation(prediction)[0] == "relu" and activation(target)[0] == "softmax"


def test_one_option_may_decide_both_the_activation_and_the_loss():
    text = """
def run(loss="nll"):
    x = nn.Linear(3, 3)(torch.rand(2, 3))
    if loss == "nll":
        x = F.log_softmax(x, 1)
    if loss == "ce":
        F.cross_entropy(x, torch.zeros(2).long())
    return x
run()
"""
    (loss,) = operations(text, "cross_entropy")
    assert last_activation(loss) is None


@pytest.mark.parametrize(
    ("expression", "edit"),
    [
        ("F.softmax(x + 1, dim=1)", "x + 1"),
        ("x.softmax(1)", "x"),
        ("torch.softmax(input=x, dim=1)", None),
        ("nn.Softmax(1)(x)", "x"),
        ("nn.Sequential(nn.Softmax(1))(x)", "nn.Identity()"),
    ],
)
def test_bypass(expression, edit):
    (softmax,) = operations(f"x = torch.rand(2, 3)\n{expression}", "softmax")
    found = bypass(softmax)
    if found is None:
        assert edit is None
    else:
        (written,) = edits_of(softmax.site.module.source, found)
        text = edited(softmax.site.module.source.text, [written])
        assert text.splitlines()[-1] == expression.replace(softmax.site.text, edit)


def test_tensors_are_followed_through_what_wraps_a_model():
    program = main_program(
        HEAD
        + """
from torch.utils.checkpoint import checkpoint
class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.body = nn.Linear(3, 3)
    def forward(self, x):
        return F.softmax(checkpoint(self.body, x, use_reentrant=False), dim=1)
net = torch.compile(nn.DataParallel(Net().cuda()))
F.cross_entropy(net.module(torch.rand(2, 3)), torch.zeros(2).long())
"""
    )
    loss = next(o for o in program.operations if o.entry.family == "cross_entropy")
    assert last_activation(loss)[0] == "softmax"


def test_paths_that_part_and_join_again_are_walked_once():
    tensor = operations("F.softmax(torch.rand(2, 3), 1).flatten()", "flatten")[0].inputs[0]
    for _ in range(200):
        tensor = Tensor(Join((tensor, Tensor(Join((tensor,))))))
    assert activation(tensor)[0] == "softmax"
