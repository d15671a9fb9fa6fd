"""Randomness that is the same in every evaluation, and randomness that is not."""

from __future__ import annotations

import textwrap

import pytest
from program_text import analysed

from nnlint.questions.data.pipelines import random_transforms

HEAD = """
import random, time
import cv2
import numpy as np
import torch
from torch import nn
from torch.utils.data import DataLoader, Dataset
from torchvision import datasets, transforms as T
from torchvision.transforms import functional as TF, v2
from PIL import Image, ImageOps, ImageFilter

model, optimizer = nn.Linear(4, 2), None
"""
ITEMS = """
class Faces(Dataset):
    def __init__(self, images, seed=0):
        self.images, self.seed = images, seed
        {init}

    def __len__(self):
        return len(self.images)

    def __getitem__(self, index):
        image = Image.open(self.images[index])
        {item}
        return TF.to_tensor(image)

val_set = Faces(["a.png"])
"""
EPOCHS = """
{start}
def train(images):
    for x in images:
        model(x).sum().backward()
        optimizer.step()

def score(images{parameters}):
    {seeded}
    total = 0
    model.eval()
    with torch.no_grad():
        for x in images:
            {item}
            total += model(x).sum().item()
    return total

for epoch in range(9):
    train(torch.load("train.pt"))
    {before}
    score(torch.load("val.pt"){arguments})
"""


def random_in_evaluation(text: str) -> bool:
    """Whether something random is found in evaluation data."""
    analysis = analysed(HEAD + textwrap.dedent(text))
    return any(f.role == "eval" for p in analysis.programs for f in random_transforms(p))


@pytest.mark.parametrize(
    ("init", "item", "random"),
    [
        ("pass", "image = TF.rotate(image, random.uniform(-9, 9))", True),
        ("self.rng = random.Random(3)", "image = TF.rotate(image, self.rng.uniform(-9, 9))", True),
        (
            "self.rng = np.random.default_rng(3)",
            "image = TF.rotate(image, self.rng.normal())",
            True,
        ),
        ("pass", "image = TF.rotate(image, random.Random(index).uniform(-9, 9))", False),
        ("pass", "image = TF.rotate(image, random.Random().uniform(-9, 9))", True),
        ("pass", "image = TF.rotate(image, random.Random(time.time()).uniform(-9, 9))", True),
        (
            "pass",
            "rng = np.random.default_rng(self.seed + index); image = TF.rotate(image, rng.normal())",
            False,
        ),
        (
            "pass",
            "rng = np.random.RandomState(hash(self.images[index]))\n"
            "        if rng.rand() < 0.5:\n            image = TF.hflip(image)",
            False,
        ),
        (
            "pass",
            "g = torch.Generator().manual_seed(index)\n"
            "        if torch.rand(1, generator=g) < 0.5:\n            image = TF.hflip(image)",
            False,
        ),
        (
            "self.g = torch.Generator()",
            "self.g.manual_seed(index)\n"
            "        if torch.rand(1, generator=self.g).item() < 0.5:\n"
            "            image = TF.hflip(image)",
            False,
        ),
        (
            "self.g = torch.Generator()",
            "if torch.rand(1, generator=self.g).item() < 0.5:\n            image = TF.hflip(image)",
            True,
        ),
        ("pass", "random.seed(index); image = TF.rotate(image, random.uniform(-9, 9))", False),
        ("pass", "np.random.seed(index); image = TF.rotate(image, random.uniform(-9, 9))", True),
        ("pass", "torch.manual_seed(index); image = T.RandomCrop(9)(image)", False),
        (
            "self.angles = [random.uniform(-9, 9) for _ in images]",
            "image = TF.rotate(image, self.angles[index])",
            False,
        ),
        (
            "self.flips = torch.rand(len(images))",
            "if self.flips[index] < 0.5:\n            image = TF.hflip(image)",
            False,
        ),
    ],
)
def test_draws_on_the_way_of_a_sample(init: str, item: str, random: bool) -> None:
    assert random_in_evaluation(ITEMS.format(init=init, item=item)) is random


FLIP = "x = np.fliplr(x) if rng.random() < 0.5 else x"


@pytest.mark.parametrize(
    ("changes", "random"),
    [
        ({"start": "rng = np.random.default_rng(3)", "item": FLIP}, True),
        ({"seeded": "rng = np.random.default_rng(3)", "item": FLIP}, False),
        ({"seeded": "rng = np.random.default_rng()", "item": FLIP}, True),
        ({"seeded": "rng = random.Random(5)", "item": FLIP}, False),
        (
            {
                "before": "generator = np.random.RandomState(0)",
                "parameters": ", rng",
                "arguments": ", generator",
                "item": FLIP,
            },
            False,
        ),
        (
            {
                "start": "generator = np.random.RandomState(0)",
                "parameters": ", rng",
                "arguments": ", generator",
                "item": FLIP,
            },
            True,
        ),
        ({"item": "x = TF.rotate(x, random.uniform(-5, 5))"}, True),
        ({"seeded": "random.seed(1)", "item": "x = TF.rotate(x, random.uniform(-5, 5))"}, False),
        ({"before": "random.seed(1)", "item": "x = TF.rotate(x, random.uniform(-5, 5))"}, False),
        ({"start": "random.seed(1)", "item": "x = TF.rotate(x, random.uniform(-5, 5))"}, True),
        ({"seeded": "np.random.seed(1)", "item": "x = TF.rotate(x, random.uniform(-5, 5))"}, True),
        ({"start": "turn = random.uniform(-5, 5)", "item": "x = TF.rotate(x, turn)"}, False),
        ({"seeded": "turn = random.uniform(-5, 5)", "item": "x = TF.rotate(x, turn)"}, True),
        ({"seeded": "torch.manual_seed(0)", "item": "x = T.RandomCrop(8)(x)"}, False),
        ({"item": "x = T.RandomCrop(8)(x)"}, True),
    ],
)
def test_draws_in_an_evaluation(changes: dict[str, str], random: bool) -> None:
    slots = ("start", "parameters", "seeded", "item", "before", "arguments")
    filled = {
        s: changes.get(s, "" if s in ("parameters", "arguments", "start") else "pass")
        for s in slots
    }
    assert random_in_evaluation(EPOCHS.format(**filled)) is random


@pytest.mark.parametrize(
    ("seeded", "around", "random"),
    [
        ("pass", "pass", True),
        ("torch.manual_seed(0)", "pass", False),
        ("pass", "torch.manual_seed(0)", False),
        ("torch.manual_seed(int(time.time()))", "pass", True),
    ],
)
def test_passes_over_a_data_set_that_seed_first(seeded: str, around: str, random: bool) -> None:
    text = f"""
    crops = T.Compose([T.RandomCrop(24), T.ToTensor()])
    train_loader = DataLoader(datasets.CIFAR10("data", transform=T.ToTensor()), 64, shuffle=True)
    loader = DataLoader(datasets.CIFAR10("data", train=False, transform=crops), 64)

    def evaluate():
        {seeded}
        with torch.no_grad():
            for x, y in loader:
                model(x)

    for epoch in range(5):
        for x, y in train_loader:
            model(x).sum().backward()
            optimizer.step()
        {around}
        evaluate()
    """
    assert random_in_evaluation(text) is random


def test_a_generator_that_two_evaluations_draw_from() -> None:
    text = """
    rng = np.random.default_rng(1)

    def check():
        with torch.no_grad():
            for x in torch.load("val.pt"):
                model(np.flipud(x) if rng.random() < 0.5 else x)

    check()
    {between}
    {again}
    """
    train = "model(torch.ones(4)).sum().backward(); optimizer.step()"
    assert random_in_evaluation(text.format(between=train, again="check()"))
    assert not random_in_evaluation(text.format(between=train, again=""))


@pytest.mark.parametrize(
    ("transform", "random"),
    [
        ("lambda im: TF.resize(im, random.choice([800]))", False),
        ("lambda im: TF.crop(im, 0, 0, *random.choice([(8, 8), (9, 9)]))", True),
        ("lambda im: TF.rotate(im, random.choices([90], k=1)[0])", False),
        ("lambda im: TF.rotate(im, random.sample([5], 1)[0])", False),
        ("lambda im: TF.rotate(im, random.randint(5, 5))", False),
        ("lambda im: TF.rotate(im, random.randint(5, 6))", True),
        ("lambda im: TF.rotate(im, random.randrange(1))", False),
        ("lambda im: TF.rotate(im, random.randrange(2))", True),
        ("lambda im: TF.rotate(im, np.random.randint(0, 1))", False),
        ("lambda im: TF.rotate(im, np.random.randint(1))", False),
        ("lambda im: TF.rotate(im, np.random.randint(2))", True),
        ("lambda im: TF.rotate(im, np.random.default_rng().integers(3, 4))", False),
        ("lambda im: TF.rotate(im, np.random.default_rng().integers(3, 5))", True),
        ("lambda im: TF.rotate(im, np.random.choice([30]))", False),
        ("lambda im: TF.rotate(im, np.random.uniform(low=2, high=2))", False),
        ("lambda im: TF.rotate(im, random.gauss(5, 0))", False),
        ("lambda im: TF.rotate(im, random.gauss(5, 1))", True),
        ("T.RandomApply([T.RandomCrop(8)], p=0)", False),
        ("T.RandomApply([T.RandomCrop(8)], p=0.0)", False),
        ("T.RandomApply([T.RandomCrop(8)], p=0.1)", True),
        ("T.RandomChoice([T.CenterCrop(8)])", False),
        ("T.RandomChoice([T.RandomCrop(8)])", True),
        ("T.RandomOrder([T.Resize(9)])", False),
        ("T.RandomRotation((90, 90))", False),
        ("T.RandomRotation((0, 90))", True),
        ("v2.RandomShortestSize([800], max_size=1333)", False),
        ("v2.RandomShortestSize(800)", False),
        ("v2.RandomShortestSize([480, 800])", True),
    ],
)
def test_a_choice_among_one(transform: str, random: bool) -> None:
    text = f'test_set = datasets.CIFAR10("data", train=False, transform={transform})'
    assert random_in_evaluation(text) is random


@pytest.mark.parametrize(
    ("canvas", "random"),
    [
        ("np.zeros((64, 64), np.float32)", False),
        ("Image.new('L', (64, 64))", False),
        ("cv2.line(np.full((64, 64), 255), (0, 0), (9, 9), 3)", False),
        ("np.asarray(Image.open(self.images[index]))", True),
        ("np.load(self.images[index])", True),
    ],
)
def test_what_is_random_in_a_drawing_is_the_data(canvas: str, random: bool) -> None:
    item = f"image = cv2.GaussianBlur({canvas}, (0, 0), random.uniform(0.5, 2))"
    assert random_in_evaluation(ITEMS.format(init="pass", item=item)) is random


@pytest.mark.parametrize(
    ("before", "inside", "random"),
    [
        ("validation = turned_validation(torch.load('val.pt'))", "pass", False),
        ("validation = torch.load('val.pt')", "validation = turned_validation(validation)", True),
    ],
)
def test_a_validation_set_that_is_made_once(before: str, inside: str, random: bool) -> None:
    text = f"""
    def turned_validation(images):
        return [TF.rotate(image, random.uniform(-9, 9)) for image in images]

    {before}
    for epoch in range(5):
        for x in torch.load("train.pt"):
            model(x).sum().backward()
            optimizer.step()
        {inside}
        with torch.no_grad():
            print(sum(model(x).item() for x in validation))
    """
    assert random_in_evaluation(text) is random


@pytest.mark.parametrize(
    ("returned", "random"),
    [
        ("TF.rotate(image, angle), 1", True),
        ("TF.rotate(image, angle), angle", False),
        ("TF.rotate(image, angle), torch.tensor(angle / 90)", False),
    ],
)
def test_what_is_drawn_may_be_the_label(returned: str, random: bool) -> None:
    text = f"""
    class Turned(Dataset):
        def __len__(self):
            return 9

        def __getitem__(self, index):
            image = Image.open(str(index))
            angle = random.uniform(-90, 90)
            return {returned}

    val_set = Turned()
    """
    assert random_in_evaluation(text) is random
