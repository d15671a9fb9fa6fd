"""Questions about modes, recorded gradients, schedules and state, on small programs."""

from __future__ import annotations

import pytest
from program_text import analysed, main_program

from nnlint.questions.training.carrying import carried_states
from nnlint.questions.training.frozen import frozen_in_train_mode
from nnlint.questions.training.rebuilding import rebuilt_in_loops
from nnlint.questions.training.recording import recorded_evaluations
from nnlint.questions.training.restoring import unrestored_modes
from nnlint.questions.training.scheduler_order import early_steps, misplaced_steps
from nnlint.questions.training.scheduler_steps import unstepped_schedulers

START = """
import torch
from torch import nn
net = nn.Sequential(nn.Linear(4, 4), nn.BatchNorm1d(4), nn.Linear(4, 1))
optimizer = torch.optim.Adam(net.parameters(), lr=0.1)
"""
EPOCHS = (
    "for epoch in range(epochs):\n"
    "    {first}\n"
    "    for x in train_loader:\n"
    "        optimizer.zero_grad()\n"
    "        net(x).mean().backward()\n"
    "        optimizer.step()\n"
    "        {each}\n"
    "    {last}\n"
)


def program(first="pass", each="pass", last="pass", before=""):
    return main_program(f"{START}\n{before}\n" + EPOCHS.format(first=first, each=each, last=last))


EVALUATION = "net.eval()\n    with torch.no_grad():\n        print([net(x) for x in val_loader])"


def test_eval_mode_reaches_the_next_epoch():
    assert len(list(unrestored_modes(program(last=EVALUATION)))) == 1


@pytest.mark.parametrize(
    "changed",
    [
        {"first": "net.train()"},
        {"first": "net.train(epoch > 3)"},
        {"each": "net.train()"},
        {"first": "prepare(net)"},
        {"first": "net = build_net()"},
    ],
)
def test_every_way_back_to_training_mode_is_known(changed):
    assert not list(unrestored_modes(program(last=EVALUATION, **changed)))


RECORDED = "net.eval()\n    for x in val_loader:\n        {body}"


def test_evaluation_with_gradients_is_found():
    body = "print(net(x))"
    assert len(list(recorded_evaluations(program(last=RECORDED.format(body=body))))) == 1


@pytest.mark.parametrize(
    "body",
    [
        "x.requires_grad_(); net(x).sum().backward()",
        "print(torch.autograd.grad(net(x).sum(), x))",
        "attack(net, x); net(x)",
    ],
)
def test_evaluation_that_may_need_gradients_is_not(body):
    assert not list(recorded_evaluations(program(last=RECORDED.format(body=body))))


def test_gradients_turned_off_for_good_stay_off():
    text = "torch.set_grad_enabled(False)\nnet.eval()\nfor x in val_loader:\n    net(x)"
    assert not list(recorded_evaluations(main_program(START + text)))


COSINE = "scheduler = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, T_max={length})"


def test_scheduler_that_nothing_steps_is_found():
    assert len(list(unstepped_schedulers(program(before=COSINE.format(length=10))))) == 1


@pytest.mark.parametrize(
    "step", ["scheduler.step()", "after_epoch(scheduler)", "(scheduler,)[0].step()"]
)
def test_scheduler_that_may_be_stepped_is_not(step):
    assert not list(unstepped_schedulers(program(before=COSINE.format(length=10), last=step)))


@pytest.mark.parametrize(("place", "early"), [("first", 1), ("each", 0), ("last", 0)])
def test_step_before_the_optimizer_is_found(place, early):
    found = program(before=COSINE.format(length=10), **{place: "scheduler.step()"})
    assert len(list(early_steps(found))) == early


@pytest.mark.parametrize(
    ("length", "place", "unit"),
    [
        ("epochs", "each", "epoch"),
        ("epochs", "last", ""),
        ("epochs * len(train_loader)", "each", ""),
        ("epochs * len(train_loader)", "last", "batch"),
        ("1000", "each", ""),
        ("1000", "last", ""),
    ],
)
def test_unit_of_a_schedule(length, place, unit):
    found = program(before=COSINE.format(length=length), **{place: "scheduler.step()"})
    assert [m.unit for m in misplaced_steps(found)] == ([unit] if unit else [])


@pytest.mark.parametrize(
    ("built", "count"),
    [
        ("torch.optim.Adam(net.parameters())", 1),
        ("torch.optim.SGD(net.parameters(), lr=0.1)", 0),
        ("torch.optim.SGD(net.parameters(), lr=0.1, momentum=0.9)", 1),
    ],
)
def test_optimizer_of_each_epoch(built, count):
    assert len(list(rebuilt_in_loops(program(first=f"optimizer = {built}")))) == count


CARRY = (
    "rnn = nn.GRU(4, 4)\nopt = torch.optim.Adam(rnn.parameters())\nh = torch.zeros(1, 8, 4)\n"
    "for x in loader:\n    opt.zero_grad()\n    {before}\n    out, h = rnn(x, h)\n"
    "    out.mean().backward()\n    opt.step()\n    {after}"
)


@pytest.mark.parametrize(
    ("before", "after", "count"),
    [
        ("pass", "pass", 1),
        ("h = h.detach()", "pass", 0),
        ("pass", "h.detach_()", 0),
        ("h = torch.zeros(1, 8, 4)", "pass", 0),
    ],
)
def test_carried_state(before, after, count):
    text = START + CARRY.format(before=before, after=after)
    assert len(list(carried_states(main_program(text)))) == count


FREEZE = "for p in net.parameters():\n    p.requires_grad = False\nhead = nn.Linear(1, 1)\n"


@pytest.mark.parametrize(
    "freeze",
    [
        "for p in self.encoder.parameters():\n            p.requires_grad = False",
        "self.encoder.requires_grad_(False)",
    ],
)
def test_frozen_model_is_named_as_where_it_is_frozen(freeze):
    text = f"""
    import torch
    from torch import nn

    class Fusion(nn.Module):
        def __init__(self, backbone):
            super().__init__()
            self.encoder = backbone
            self.head = nn.Linear(4, 1)
            {freeze.replace("            ", "                ")}

        def forward(self, x):
            return self.head(self.encoder(x))

    model = nn.Sequential(nn.Linear(4, 4), nn.BatchNorm1d(4))
    fusion = Fusion(model)
    optimizer = torch.optim.Adam(fusion.head.parameters())
    fusion.train()
    for x in train_loader:
        optimizer.zero_grad()
        fusion(x).mean().backward()
        optimizer.step()
    """
    assert [found.name for found in frozen_in_train_mode(main_program(text))] == ["self.encoder"]


def test_recorded_evaluation_names_the_network_and_not_its_loss():
    text = """
    import torch
    from torch import nn

    class Penalised(nn.Module):
        def __init__(self):
            super().__init__()
            self.weights = nn.Parameter(torch.ones(2))

        def forward(self, output, target):
            return (self.weights * (output - target) ** 2).mean()

    model = nn.Linear(4, 2)
    averaged = torch.optim.swa_utils.AveragedModel(model)
    criterion = Penalised()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    for x, y in train_loader:
        optimizer.zero_grad()
        criterion(model(x), y).backward()
        optimizer.step()
        averaged.update_parameters(model)
    total = 0.0
    for x, y in val_loader:
        total += criterion(averaged(x), y).item()
    """
    found = [
        event.forward.site.text
        for program in analysed(text).programs
        for event in recorded_evaluations(program)
    ]
    assert found == ["averaged(x)"]


@pytest.mark.parametrize(("mode", "count"), [("net.train()", 1), ("net.eval()", 0), ("pass", 1)])
def test_frozen_batch_norm(mode, count):
    assert len(list(frozen_in_train_mode(program(before=FREEZE, first=mode)))) == count
