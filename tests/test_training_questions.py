"""Questions about training programs: seeds, steps, gradients, modes."""

from __future__ import annotations

from pathlib import Path

import pytest
from program_text import analysed, main_program

from nnlint.questions.reproducibility.seeding import fixes_seed, random_start, turned_off
from nnlint.questions.training.adversaries import intrusions
from nnlint.questions.training.gradients import uncleared_steps
from nnlint.questions.training.modes import train_mode_evaluations

LOOP = """
import torch
from torch import nn
net = nn.Sequential(nn.Linear(4, 4), nn.Dropout(0.5), nn.Linear(4, 1))
optimizer = torch.optim.SGD(net.parameters(), lr=0.1)
loader = torch.utils.data.DataLoader(data)
"""


def test_step_without_clearing_is_found():
    program = main_program(
        LOOP + "for x in loader:\n    net(x).mean().backward()\n    optimizer.step()"
    )
    assert len(list(uncleared_steps(program))) == 1


@pytest.mark.parametrize(
    "clear",
    [
        "optimizer.zero_grad()",
        "net.zero_grad()",
        "for p in net.parameters():\n        p.grad = None",
        "helper(optimizer)",
        "for o in [optimizer]:\n        o.zero_grad()",
    ],
)
def test_every_way_of_clearing_is_known(clear):
    body = f"for x in loader:\n    {clear}\n    net(x).mean().backward()\n    optimizer.step()"
    assert not list(uncleared_steps(main_program(LOOP + body)))


def test_clearing_another_optimizer_does_not_count():
    program = main_program(
        LOOP + "other = torch.optim.SGD(nn.Linear(1, 1).parameters())\n"
        "for x in loader:\n    other.zero_grad()\n    net(x).mean().backward()\n    optimizer.step()"
    )
    assert len(list(uncleared_steps(program))) == 1


@pytest.mark.parametrize(("count", "unasked"), [(3, 0), (20, 0), (23, 3)])
def test_steps_of_a_loop_that_are_not_asked_about_are_told(count: int, unasked: int):
    steps = "\n".join(f"    o{i}.step()" for i in range(count))
    optimizers = "\n".join(
        f"o{i} = torch.optim.SGD(net.parameters(), lr=0.{i + 1})" for i in range(count)
    )
    body = f"{optimizers}\nfor x in loader:\n    net(x).mean().backward()\n{steps}\n"
    found = list(uncleared_steps(main_program(LOOP + body)))
    assert len(found) == min(count, 20)
    assert [step.unasked for step in found] == [0] * (len(found) - 1) + [unasked]


def test_scaler_steps_its_optimizer():
    program = main_program(
        LOOP + "scaler = torch.amp.GradScaler()\n"
        "for x in loader:\n    scaler.scale(net(x).mean()).backward()\n    scaler.step(optimizer)\n"
        "    scaler.update()"
    )
    assert len(list(uncleared_steps(program))) == 1


EVALUATION = (
    "for x in loader:\n    optimizer.zero_grad()\n    net(x).mean().backward()\n    optimizer.step()\n"
    "{mode}\nwith torch.no_grad():\n    for x in loader:\n        print(net(x))"
)


def test_evaluation_in_train_mode_is_found():
    assert len(list(train_mode_evaluations(main_program(LOOP + EVALUATION.format(mode=""))))) == 1


@pytest.mark.parametrize("mode", ["net.eval()", "net.train(False)", "prepare_evaluation(net)"])
def test_evaluation_in_eval_mode_is_not(mode):
    assert not list(train_mode_evaluations(main_program(LOOP + EVALUATION.format(mode=mode))))


@pytest.mark.parametrize(
    "call",
    [
        "torch.manual_seed(0)",
        "import pytorch_lightning as pl; pl.seed_everything(1)",
        "from transformers import set_seed; set_seed(1)",
        "from somewhere import fix_seeds; fix_seeds()",
    ],
)
def test_seeding_calls_are_known(call):
    assert fixes_seed(main_program(f"import torch\n{call}"))


def test_numpy_seed_is_not_torchs():
    assert not fixes_seed(main_program("import numpy as np\nnp.random.seed(0)"))


@pytest.mark.parametrize(
    ("order", "drawn"),
    [
        ("shuffle=True", "the order of the data"),
        ("sampler=RandomSampler(data)", "the order of the data"),
        ("sampler=WeightedRandomSampler(data.weights, 64)", "the order of the data"),
        ("sampler=RandomSampler(data) if alone else None", "the order of the data"),
        ("sampler=DistributedSampler(data)", ""),
        ("sampler=DistributedSampler(data, seed=3, shuffle=True)", ""),
        ("sampler=DistributedSampler(data) if many else None", ""),
        ("sampler=RandomSampler(data, generator=order)", ""),
        ("sampler=SequentialSampler(data)", ""),
        ("sampler=by_length(data)", ""),
    ],
)
def test_the_order_is_told_to_be_drawn_where_it_is(order, drawn):
    program = main_program(
        f"""
import torch
from torch import nn
from torch.utils.data import (
    DataLoader, DistributedSampler, RandomSampler, SequentialSampler, WeightedRandomSampler
)
from project import alone, build, by_length, data, many, order

model = build("small")
optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
for x, y in DataLoader(data, batch_size=8, num_workers=2, {order}):
    optimizer.zero_grad()
    nn.functional.mse_loss(model(x), y).backward()
    optimizer.step()
"""
    )
    start = random_start(program)
    assert start is not None and start.drawn == drawn


@pytest.mark.parametrize(
    ("name", "shared", "differentiated"),
    [
        ("bad_one_verdict_for_both", True, False),
        ("bad_penalty_on_samples", False, True),
        ("bad_script", False, False),
    ],
)
def test_samples_that_cannot_be_detached_where_they_are_judged(name, shared, differentiated):
    text = (Path(__file__).parent.parent / f"fixtures/gan-detach/{name}.py").read_text()
    found = [i for program in analysed(text).programs for i in intrusions(program)]
    assert found
    assert all((i.shared, i.differentiated) == (shared, differentiated) for i in found)


TRAINED = """
import torch
from torch import nn
from torchvision import transforms
from torchvision.datasets import CIFAR10
from torch.utils.data import DataLoader
from transformers import AutoModel

model = AutoModel.from_pretrained("vit")
optimizer = torch.optim.SGD(model.parameters(), 0.1)
{data}
for x, y in {loader}:
    optimizer.zero_grad()
    {forward}
    loss = nn.functional.cross_entropy(out, y)
    loss.backward()
    optimizer.step()
"""
FLIPPED = 'data = CIFAR10("d", transform=transforms.Compose([transforms.RandomHorizontalFlip()]))'
CHOSEN = FLIPPED.replace("RandomHorizontalFlip()", "RandomChoice([str, int])")


@pytest.mark.parametrize(
    ("data", "loader", "forward", "place", "origin", "drawn"),
    [
        (
            FLIPPED,
            "DataLoader(data, 8)",
            "out = model(x)",
            "DataLoader(data, 8)",
            "transforms.RandomHorizontalFlip()",
            "the augmentation",
        ),
        (CHOSEN, "DataLoader(data, 8)", "out = model(x)", "DataLoader(data, 8)", "", ""),
        (
            "drop = nn.Dropout(0.3)",
            "batches",
            "out = drop(model(x))",
            "drop(model(x))",
            "drop(model(x))",
            "the dropout",
        ),
        (
            "",
            "batches",
            "out = nn.functional.dropout(model(x), 0.1)",
            "nn.functional.dropout(model(x), 0.1)",
            "nn.functional.dropout(model(x), 0.1)",
            "the dropout",
        ),
        (
            "",
            "batches",
            "out = model(x) + torch.rand_like(x)",
            "torch.rand_like(x)",
            "torch.rand_like(x)",
            "random numbers",
        ),
        ("drop = nn.Dropout(0.0)", "batches", "out = drop(model(x))", "optimizer.step()", "", ""),
        ("g = torch.Generator()", "batches", "out = model(x)", "optimizer.step()", "", ""),
    ],
)
def test_what_training_draws_is_named_where_it_is_known(
    data, loader, forward, place, origin, drawn
):
    start = random_start(main_program(TRAINED.format(data=data, loader=loader, forward=forward)))
    assert start is not None and start.site.text == place and start.drawn == drawn
    assert not origin or start.origin.text == origin


SEEDING = """
import torch
from torch import nn
{helper}

def main(seed):
    seed_all(seed)
    net = nn.Linear(4, 1)
    optimizer = torch.optim.SGD(net.parameters(), lr=0.1)
    for x in data:
        net(x).mean().backward()
        optimizer.step()

main({seed})
"""
ABOVE = "def seed_all(seed):\n    if seed >= 0:\n        torch.manual_seed(seed)"
BEFORE = "def seed_all(seed):\n    if seed is None:\n        return\n    torch.manual_seed(seed)"
FRAMEWORK = "import lightning\ndef seed_all(number):\n    if number > 0:\n        pass\n    if number:\n        lightning.seed_everything(number)"
OTHER = "import random\ndef seed_all(seed):\n    if seed >= 0:\n        random.seed(seed)"


@pytest.mark.parametrize(
    ("helper", "seed", "off"),
    [
        (ABOVE, "-1", "seed = -1"),
        (BEFORE, "None", "seed = None"),
        (FRAMEWORK, "0", "number = 0"),
        (OTHER, "-1", None),
        (ABOVE, "7", None),
        (ABOVE, "unknown()", None),
        ("def seed_all(seed):\n    pass", "-1", None),
    ],
)
def test_a_seed_that_turns_the_seeding_off_is_named(helper, seed, off):
    program = main_program(SEEDING.format(helper=helper, seed=seed))
    found = turned_off(program)
    assert (found and found.spelling) == off
    assert fixes_seed(program) == (off is None and helper == ABOVE)
