"""Learning-rate schedules are recognised whichever way they are written."""

from __future__ import annotations

import textwrap

import pytest
from program_text import analysed, main_program

from nnlint.questions.optimisation.imagenet import trains_imagenet
from nnlint.questions.optimisation.schedules import Decay, decays

HEAD = """
import argparse, bisect, math
import numpy as np
import torch
from torch import nn
from torch.optim import lr_scheduler
parser = argparse.ArgumentParser()
parser.add_argument("--lr", type=float, default=0.1)
parser.add_argument("--step", type=int, default=30)
parser.add_argument("--gamma", type=float, default=0.1)
parser.add_argument("--epochs", type=int, default=90)
args = parser.parse_args()
model = nn.Linear(1, 1)
optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
"""

IMAGENET = [
    "s = lr_scheduler.StepLR(optimizer, step_size=7)",
    "s = lr_scheduler.StepLR(optimizer, 30, gamma=0.1)",
    "STEP, GAMMA = 30, 0.1\ns = lr_scheduler.StepLR(optimizer, STEP, GAMMA)",
    "s = lr_scheduler.MultiStepLR(optimizer, [30, 60, 90])",
    "s = lr_scheduler.MultiStepLR(optimizer, milestones=(30, 60, 80), gamma=1e-1)",
    "s = lr_scheduler.LambdaLR(optimizer, lambda e: 0.1 ** (e // 30))",
    "s = lr_scheduler.LambdaLR(optimizer, lr_lambda=lambda step: np.power(0.1, step // 30))",
    "s = lr_scheduler.LambdaLR(optimizer, [lambda e: 0.1 ** (e // 30)])",
    """
    def rule(epoch):
        if epoch < 30:
            return 1.0
        elif epoch < 60:
            return 0.1
        return 0.01
    s = lr_scheduler.LambdaLR(optimizer, rule)
    """,
    """
    s = lr_scheduler.LambdaLR(
        optimizer, lambda e: 1.0 if e < 30 else (0.1 if e < 60 else 0.01)
    )
    """,
    "s = lr_scheduler.LambdaLR(optimizer, lambda e: 0.1 ** bisect.bisect([30, 60, 90], e))",
    "s = lr_scheduler.LambdaLR(optimizer, lambda e: 0.1 ** sum(e >= m for m in [30, 60, 90]))",
]
BY_HAND = [
    "lr = args.lr * (0.1 ** (epoch // 30))",
    "lr = 0.1 * 0.1 ** int(epoch / 30)",
    "lr = args.lr * math.pow(0.1, math.floor(epoch / 30))",
    "lr = args.lr * np.power(0.1, epoch // 30)",
    "lr = args.lr / 10 ** (epoch // 30)",
    "lr = args.lr * (0.1 ** np.sum(epoch >= np.array([30, 60, 90])))",
    "lr = args.lr * (0.1 ** (epoch >= 30)) * (0.1 ** (epoch >= 60))",
    """
    lr = args.lr
    if epoch >= 30:
        lr *= 0.1
    if epoch >= 60:
        lr *= 0.1
    """,
    """
    lr = args.lr
    if epoch > 60:
        lr = lr * 0.01
    elif epoch > 30:
        lr = lr * 0.1
    """,
    """
    lr = args.lr
    for milestone in (30, 60, 90):
        lr *= 0.1 if epoch >= milestone else 1.0
    """,
]


def only(text: str) -> Decay:
    """The one decay of the program."""
    (decay,) = decays(main_program(HEAD + textwrap.dedent(text)))
    return decay


@pytest.mark.parametrize("text", IMAGENET)
def test_imagenet_schedule_of_a_scheduler(text: str) -> None:
    assert only(text).is_imagenet_recipe


@pytest.mark.parametrize("text", BY_HAND)
def test_imagenet_schedule_in_a_helper(text: str) -> None:
    body = textwrap.indent(textwrap.dedent(text), "    ")
    program = f"""
def adjust_learning_rate(optimizer, epoch, args):
{body}
    for param_group in optimizer.param_groups:
        param_group["lr"] = lr

for epoch in range(args.epochs):
    adjust_learning_rate(optimizer, epoch, args)
    optimizer.step()
"""
    assert only(program).is_imagenet_recipe


@pytest.mark.parametrize(
    "change",
    [
        "if epoch in [30, 60, 90]:",
        "if epoch in (31, 61):",
        "if epoch == 30 or epoch == 60:",
        "if epoch > 0 and epoch % 30 == 0:",
        "if (epoch + 1) % 30 == 0:",
    ],
)
@pytest.mark.parametrize(
    "write",
    [
        'for group in optimizer.param_groups: group["lr"] *= 0.1',
        'for g in optimizer.param_groups: g["lr"] = g["lr"] / 10',
        'optimizer.param_groups[0]["lr"] *= 0.1',
        "lr *= 0.1\n        for g in optimizer.param_groups: g['lr'] = lr",
    ],
)
def test_imagenet_schedule_step_by_step(change: str, write: str) -> None:
    program = f"""
lr = 0.1
for epoch in range(args.epochs):
    {change}
        {write}
    optimizer.step()
"""
    assert only(program).is_imagenet_recipe


def test_function_that_nothing_calls() -> None:
    text = HEAD + (
        "def adjust(optimizer, epoch):\n    lr = args.lr * (0.1 ** (epoch // 30))\n"
        "    for group in optimizer.param_groups:\n        group['lr'] = lr\n"
    )
    found = [d for p in analysed(text).programs for d in decays(p)]
    assert [d.is_imagenet_recipe for d in found] == [True]


@pytest.mark.parametrize(
    "text",
    [
        "s = lr_scheduler.StepLR(optimizer, 20, gamma=0.5)",
        "s = lr_scheduler.StepLR(optimizer, 7, gamma=0.1)",
        "s = lr_scheduler.StepLR(optimizer, args.step)",
        "s = lr_scheduler.StepLR(optimizer, 30, gamma=args.gamma)",
        "EPOCHS = 90\ns = lr_scheduler.StepLR(optimizer, EPOCHS // 3, gamma=0.1)",
        "s = lr_scheduler.StepLR(optimizer, args.epochs // 3)",
        "config = {'step': 30}\ns = lr_scheduler.StepLR(optimizer, config['step'])",
        "class Config:\n    step = 30\ns = lr_scheduler.StepLR(optimizer, Config.step)",
        "s = lr_scheduler.MultiStepLR(optimizer, [100, 150])",
        "s = lr_scheduler.MultiStepLR(optimizer, [60, 120, 160], gamma=0.2)",
        "E = 90\ns = lr_scheduler.MultiStepLR(optimizer, [int(E * 0.33), int(E * 0.66)])",
        "s = lr_scheduler.MultiStepLR(optimizer, [int(args.epochs / 3), int(args.epochs / 1.5)])",
        "s = lr_scheduler.CosineAnnealingLR(optimizer, 100)",
        "s = lr_scheduler.LambdaLR(optimizer, lambda e: 0.95 ** e)",
        "s = lr_scheduler.LambdaLR(optimizer, lambda e: 0.1 ** (e // args.step))",
        "s = lr_scheduler.LambdaLR(optimizer, lambda e: args.gamma ** (e // 30))",
        "s = lr_scheduler.LambdaLR(optimizer, lambda e: 1 - e / args.epochs)",
    ],
)
def test_other_schedules_and_configured_ones(text: str) -> None:
    assert not only(text).is_imagenet_recipe


@pytest.mark.parametrize(
    "text",
    [
        "lr = args.lr * (args.gamma ** (epoch // 30))",
        "lr = args.lr * (0.1 ** (epoch // args.step))",
        "lr = args.lr * (0.1 ** (epoch // (args.epochs // 3)))",
        "lr = args.lr * 0.5 ** (epoch // 30)",
        "lr = args.lr * (0.1 ** (epoch // 50))",
        "lr = args.lr * (1 - epoch / args.epochs) ** 0.9",
        "lr = 0.5 * args.lr * (1 + math.cos(math.pi * epoch / args.epochs))",
    ],
)
def test_other_rates_in_a_helper(text: str) -> None:
    program = f"""
def adjust(optimizer, epoch):
    {text}
    for group in optimizer.param_groups:
        group["lr"] = lr
for epoch in range(args.epochs):
    adjust(optimizer, epoch)
"""
    assert not only(program).is_imagenet_recipe


@pytest.mark.parametrize(
    "text",
    [
        "s = lr_scheduler.LambdaLR(optimizer, lambda step: min(1.0, (step + 1) / 500))",
        "s = lr_scheduler.LambdaLR(optimizer, lambda step: 1.0)",
        "s = lr_scheduler.LinearLR(optimizer, start_factor=0.1, total_iters=500)",
        "s = lr_scheduler.ConstantLR(optimizer)",
        "s = lr_scheduler.CyclicLR(optimizer, 1e-4, 1e-2)",
        "s = lr_scheduler.ExponentialLR(optimizer, gamma=1.0)",
        "from transformers import get_constant_schedule_with_warmup\n"
        "s = get_constant_schedule_with_warmup(optimizer, 100)",
        "for step in range(10000):\n    for g in optimizer.param_groups:\n"
        "        g['lr'] = args.lr * min(1.0, step / 1000)",
        "def warm(optimizer, step, warmup_steps):\n    if step < warmup_steps:\n"
        "        for g in optimizer.param_groups:\n            g['lr'] = args.lr * step / warmup_steps\n"
        "for step in range(10000):\n    warm(optimizer, step, 500)",
        "if args.gamma > 0.5:\n    s = lr_scheduler.StepLR(optimizer, 30)",
    ],
)
def test_warm_up_constant_and_switched_off(text: str) -> None:
    assert list(decays(main_program(HEAD + text))) == []


@pytest.mark.parametrize(
    "text",
    [
        "s = lr_scheduler.OneCycleLR(optimizer, 0.1, total_steps=1000)",
        "s = lr_scheduler.ReduceLROnPlateau(optimizer)",
        "s = lr_scheduler.LinearLR(optimizer, start_factor=1.0, end_factor=0.01)",
        "s = lr_scheduler.MultiplicativeLR(optimizer, lambda e: 0.95)",
        "from transformers import get_linear_schedule_with_warmup as g\ns = g(optimizer, 10, 1000)",
        "from transformers import get_scheduler\ns = get_scheduler('cosine', optimizer)",
        "for epoch in range(100):\n    if stuck():\n"
        "        for g in optimizer.param_groups:\n            g['lr'] *= 0.5",
        "for step in range(10000):\n    for g in optimizer.param_groups:\n"
        "        g['lr'] = 0.5 * args.lr * (1 + math.cos(math.pi * step / args.epochs))",
    ],
)
def test_anything_that_falls_is_a_decay(text: str) -> None:
    assert len(list(decays(main_program(HEAD + text)))) == 1


@pytest.mark.parametrize(
    ("text", "known"),
    [
        ("from torchvision.datasets import ImageNet\nd = ImageNet('.')", True),
        (
            "from torchvision.datasets import ImageFolder\nd = ImageFolder('/data/imagenet/train')",
            True,
        ),
        ("import argparse\np = argparse.ArgumentParser('ImageNet training')", True),
        ("from datasets import load_dataset\nd = load_dataset('imagenet-1k')", True),
        ("def build(name):\n    if name == 'ImageNet': return 1\nimport torch", True),
        ("import torch\nIMAGENET_MEAN = [0.485, 0.456, 0.406]", False),
        ("import torch\n# as for ImageNet\nx = 1", False),
        (
            "import segmentation_models_pytorch as smp\nm = smp.Unet(encoder_weights='imagenet')",
            False,
        ),
        ("from torchvision.models import resnet18\nm = resnet18(weights='IMAGENET1K_V1')", False),
        ("import torch\nencoder_weights = 'imagenet'", False),
        ("import torch\nconfig = {'pretrained': 'imagenet'}", False),
        ("import torch\ndef net(pretrained='imagenet'): return pretrained", False),
        ("import torch\nroot = 'data/tiny-imagenet-200'", False),
        ("import torch\nroot = 'data/imagenette2'", False),
        ("import torch\nprint('loading ImageNet weights')", False),
    ],
)
def test_what_tells_that_imagenet_is_the_data(text: str, known: bool) -> None:
    assert trains_imagenet(main_program(text)) is known
