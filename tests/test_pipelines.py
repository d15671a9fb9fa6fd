"""Data pipelines: what is random in them, for which part of the data, and what turns it off."""

from __future__ import annotations

import textwrap

import pytest
from program_text import analysed, main_program

from nnlint.questions.data.pipelines import RandomTransform, random_transforms, transform_name
from nnlint.questions.data.repeated_samples import repeats_samples
from nnlint.questions.data.splits import role_of_condition, role_of_name
from nnlint.semantics.values import SAMPLE, Built, Unknown

HEAD = """
import argparse, os, random
import numpy as np
import torch
from torch import nn
from torch.utils.data import DataLoader, Dataset, Subset, random_split
from torchvision import datasets, transforms as T
from torchvision.transforms import functional as TF
from PIL import Image, ImageOps
"""
FLIP = "T.Compose([T.RandomHorizontalFlip(), T.ToTensor()])"


def found_in(text: str, **others: str) -> list[RandomTransform]:
    """What the whole file shows, program by program."""
    analysis = analysed(HEAD + textwrap.dedent(text), **others)
    return [r for program in analysis.programs for r in random_transforms(program)]


def only(text: str, **others: str) -> RandomTransform:
    """The one pipeline of the file, by its first random transform."""
    found = found_in(text, **others)
    assert len({f.pipeline.key for f in found}) == 1
    return found[0]


@pytest.mark.parametrize(
    ("name", "role"),
    [
        ("train_set", "train"),
        ("val_loader", "eval"),
        ("testset", "eval"),
        ("traindir", "train"),
        ("trainTransform", "train"),
        ("x_test", "eval"),
        ("data/val", "eval"),
        ("train2017", "train"),
        ("DatasetTrain", "train"),
        ("train_and_test", ""),
        ("latest", ""),
        ("trainer", ""),
        ("device", ""),
        ("constraint", ""),
    ],
)
def test_role_of_a_name(name: str, role: str) -> None:
    assert role_of_name(name) == role


@pytest.mark.parametrize(
    ("test", "taken", "role"),
    [
        ("train", True, "train"),
        ("train", False, "eval"),
        ("not is_train", True, "eval"),
        ("self.training", True, "train"),
        ("split == 'train'", True, "train"),
        ("split == 'train'", False, "eval"),
        ("mode != 'train'", True, "eval"),
        ("phase == 'val'", True, "eval"),
        ("is_train is True", True, "train"),
        ("args.evaluate", True, ""),
        ("training_steps > 5", True, ""),
        ("stage == 'fit' or stage is None", True, ""),
        ("train and augment", True, "train"),
    ],
)
def test_role_of_a_condition(test: str, taken: bool, role: str) -> None:
    text = f"import torch\ndef f(**kw):\n    if {test}:\n        torch.seed()\n    else:\n        torch.seed()"
    program = next(p for p in analysed(text + "\nf()").programs if p.events("seed"))
    (condition,) = program.events("seed")[0 if taken else 1].conditions
    assert role_of_condition(condition) == role


@pytest.mark.parametrize(
    ("transform", "random"),
    [
        (FLIP, True),
        ("T.Compose([T.Resize(32), T.CenterCrop(28), T.ToTensor()])", False),
        ("T.Compose([T.RandomCrop(32, padding=4)])", True),
        ("T.RandomHorizontalFlip()", True),
        ("T.RandomHorizontalFlip(p=0)", False),
        ("T.RandomHorizontalFlip(p=1.0)", False),
        ("T.RandomGrayscale(p=1)", False),
        ("T.ColorJitter()", False),
        ("T.ColorJitter(0, 0, 0, 0.1)", True),
        ("T.RandomRotation(0)", False),
        ("T.RandomAffine(0)", False),
        ("T.RandomAffine(0, translate=(0.1, 0.1))", True),
        ("T.RandomResizedCrop(32, scale=(1.0, 1.0), ratio=(1.0, 1.0))", False),
        ("T.GaussianBlur(3, sigma=1.0)", False),
        ("T.GaussianBlur(3)", True),
        ("T.RandomApply([T.ColorJitter(0.4)])", True),
        ("T.RandomApply([T.Resize(3)], p=1)", False),
        ("T.RandomChoice([T.Resize(3), T.Resize(4)])", True),
        ("T.Compose([T.Compose([T.RandomErasing()])])", True),
        ("T.Lambda(lambda x: x * 2)", False),
        ("T.v2.RandAugment()", True),
        ("lambda img: T.RandomCrop(3)(img)", True),
        ("lambda img: TF.hflip(img)", False),
        ("lambda img: TF.hflip(img) if random.random() < 0.5 else img", True),
        ("lambda img: TF.rotate(img, random.uniform(-5, 5))", True),
        ("lambda img: TF.rotate(img, random.uniform(5, 5))", False),
        ("lambda img: TF.hflip(img) if random.random() < 0 else img", False),
        ("lambda img: ImageOps.mirror(img) if np.random.rand() > 0.5 else img", True),
        (
            "lambda img: img.transpose(Image.FLIP_LEFT_RIGHT) if torch.rand(1).item() < 0.5 else img",
            True,
        ),
        ("lambda img: img.flip(-1) if torch.rand(1) < 0.5 else img", True),
        ("lambda img: img[:, ::-1] if np.random.choice([True, False]) else img", True),
        ("lambda img: img[:, :, ::-1] if np.random.choice([True, False]) else img", False),
    ],
)
def test_what_is_random(transform: str, random: bool) -> None:
    found = found_in(f"data = datasets.CIFAR10('d', train=True, transform={transform})")
    assert bool(found) is random


@pytest.mark.parametrize(
    ("text", "random"),
    [
        ("A.Compose([A.HorizontalFlip(p=0.5), A.Normalize(), ToTensorV2()])", True),
        ("A.Compose([A.Resize(3, 3), A.Normalize(), ToTensorV2()])", False),
        ("A.Compose([A.HorizontalFlip(p=0), A.ToGray(p=1)])", False),
        (
            "A.Compose([A.OneOf([A.Blur(), A.MedianBlur()], p=0.3)], bbox_params=A.BboxParams('coco'))",
            True,
        ),
        ("create_transform(224, is_training=True)", True),
        ("create_transform(224)", False),
        ("nn.Sequential(K.RandomHorizontalFlip(), K.Normalize(0.5, 0.5))", True),
        ("nn.Sequential(K.Resize((3, 3)))", False),
    ],
)
def test_transforms_of_other_libraries(text: str, random: bool) -> None:
    program = f"""
    import albumentations as A
    from albumentations.pytorch import ToTensorV2
    from timm.data import create_transform
    import kornia.augmentation as K
    class Images(Dataset):
        def __init__(self, paths, transform):
            self.paths, self.transform = paths, transform
        def __len__(self):
            return len(self.paths)
        def __getitem__(self, i):
            return self.transform(image=Image.open(self.paths[i]))["image"]
    train_set = Images([], {text})
    """
    assert bool(found_in(program)) is random


DATASETS = {
    "split argument": f"datasets.CIFAR10('d', train=False, transform={FLIP})",
    "split name": f"datasets.SVHN('d', split='test', transform={FLIP})",
    "path": f"datasets.ImageFolder(os.path.join(root, 'val'), {FLIP})",
    "path with /": f"datasets.ImageFolder(Path(root) / 'val', transform={FLIP})",
    "path with f": f"datasets.ImageFolder(f'{{root}}/val', transform={FLIP})",
    "key": f"{{'val': datasets.ImageFolder(root, {FLIP})}}",
}


@pytest.mark.parametrize("text", DATASETS.values(), ids=DATASETS)
def test_held_out_data_is_told(text: str) -> None:
    assert only(f"from pathlib import Path\nroot = input()\nx = {text}").role == "eval"


@pytest.mark.parametrize(
    ("use", "role"),
    [
        ("for x, y in loader:\n    model(x).sum().backward()\n    opt.step()", "train"),
        ("with torch.no_grad():\n    for x, y in loader:\n        model(x)", ""),
        (
            "for x in DataLoader([]):\n    model(x).sum().backward()\n    opt.step()\n"
            "with torch.no_grad():\n    for x, y in loader:\n        model(x)",
            "eval",
        ),
        (
            "for i, (x, y) in enumerate(loader):\n    model(x).sum().backward()\n    opt.step()",
            "train",
        ),
        ("import lightning as L\nL.Trainer().fit(model, loader)", "train"),
        ("import lightning as L\nL.Trainer().fit(model, other, loader)", "eval"),
        ("def evaluate(model, val_loader):\n    pass\nevaluate(model, loader)", "eval"),
        ("print(len(loader))", ""),
    ],
)
def test_role_by_use(use: str, role: str) -> None:
    program = f"""
model, other = nn.Linear(2, 2), DataLoader([])
opt = torch.optim.SGD(model.parameters(), lr=0.1)
loader = DataLoader(datasets.ImageFolder('images', {FLIP}))
{use}
"""
    assert only(program).role == role


def test_dictionary_of_transforms() -> None:
    found = only(
        f"""
        data_transforms = {{"train": {FLIP}, "val": T.Compose([T.ToTensor()])}}
        sets = {{x: datasets.ImageFolder(os.path.join("d", x), data_transforms[x])
                for x in ["train", "val"]}}
        """
    )
    assert found.role == "train" and not found.switchable


def test_dictionary_with_an_unknown_key() -> None:
    found = found_in(
        f"""
        tf = {{"train": {FLIP}, "val": {FLIP}}}
        def make(phase):
            return datasets.ImageFolder("d", tf[phase])
        """
    )
    assert {f.role for f in found} == {"train", "eval"}
    assert not any(f.switchable for f in found)


def test_pipeline_of_another_module() -> None:
    found = only(
        "from data import train_set\nimage, label = train_set[0]",
        data=HEAD + f"aug = {FLIP}\ntrain_set = datasets.CIFAR10('d', transform=aug)",
    )
    assert found.pipeline.module.name == "data"


SWITCHES = {
    "parameter": f"def make(augment=True):\n    t = {FLIP} if augment else T.ToTensor()\n"
    "    return datasets.CIFAR10('d', transform=t)\nmake()",
    "list": "parser = argparse.ArgumentParser()\nparser.add_argument('--aug', action='store_true')\n"
    "args = parser.parse_args()\nsteps = [T.ToTensor()]\nif args.aug:\n"
    "    steps.insert(0, T.RandomHorizontalFlip())\ndatasets.CIFAR10('d', transform=T.Compose(steps))",
    "probability": "def make(p=0.5):\n    t = T.Compose([T.RandomHorizontalFlip(p), T.ToTensor()])\n"
    "    return datasets.CIFAR10('d', transform=t)\nmake()",
    "built elsewhere": f"aug = {FLIP}\ndef make(use_aug=True):\n"
    "    return datasets.CIFAR10('d', transform=aug if use_aug else T.ToTensor())\nmake()",
    "constant": f"AUGMENT = True\nt = T.ToTensor()\nif AUGMENT:\n    t = {FLIP}\n"
    "datasets.CIFAR10('d', transform=t)",
    "two datasets": f"def make(cfg):\n    if cfg.augment:\n        return datasets.CIFAR10('d', transform={FLIP})\n"
    "    return datasets.CIFAR10('d', transform=T.ToTensor())",
    "default transform": f"def make(transform=None):\n    if transform is None:\n        transform = {FLIP}\n"
    "    return datasets.CIFAR10('d', transform=transform)\nmake()",
    "in the dataset": "class D(Dataset):\n    def __init__(self, augment=False):\n        self.augment = augment\n"
    "    def __len__(self): return 3\n    def __getitem__(self, i):\n        img = Image.open(str(i))\n"
    "        if self.augment and random.random() < 0.5:\n            img = TF.hflip(img)\n        return img\n"
    "train_set = D(augment=input())",
    "chance": "class D(Dataset):\n    def __init__(self, p=0.5):\n        self.p = p\n"
    "    def __len__(self): return 3\n    def __getitem__(self, i):\n        img = Image.open(str(i))\n"
    "        if random.random() < self.p:\n            img = TF.hflip(img)\n        return img\n"
    "train_set = D()",
}


@pytest.mark.parametrize("text", SWITCHES.values(), ids=SWITCHES)
def test_what_can_turn_augmentation_off(text: str) -> None:
    assert all(f.switchable for f in found_in(text))


NO_SWITCHES = {
    "split": f"def make(train):\n    t = {FLIP} if train else T.ToTensor()\n"
    "    return datasets.CIFAR10('d', train=train, transform=t)",
    "phase": f"def make(phase):\n    if phase == 'train':\n        t = {FLIP}\n    else:\n"
    "        t = T.ToTensor()\n    return datasets.ImageFolder('d', t)",
    "dataset name": f"def make(args):\n    if args.dataset == 'cifar10':\n"
    f"        return datasets.CIFAR10('d', transform={FLIP})\n"
    "    return datasets.MNIST('d', transform=T.ToTensor())",
    "either way": f"def make(args):\n    t = {FLIP} if args.small else T.Compose([T.RandomCrop(9)])\n"
    "    return datasets.CIFAR10('d', transform=t)",
    "presence": f"class D(Dataset):\n    def __init__(self, transform=None):\n        self.transform = transform\n"
    "    def __len__(self): return 3\n    def __getitem__(self, i):\n        img = Image.open(str(i))\n"
    f"        if self.transform is not None:\n            img = self.transform(img)\n        return img\nx = D({FLIP})",
    "sample": "class D(Dataset):\n    def __len__(self): return 3\n    def __getitem__(self, i):\n"
    "        img = Image.open(str(i))\n        if img.mode != 'RGB':\n            img = img.convert('RGB')\n"
    "        if random.random() < 0.5:\n            img = TF.hflip(img)\n        return img\nx = D()",
}


@pytest.mark.parametrize("text", NO_SWITCHES.values(), ids=NO_SWITCHES)
def test_what_is_no_switch(text: str) -> None:
    found = found_in(text)
    assert found and not any(f.switchable for f in found)
    assert not any(f.role == "eval" for f in found)


TWO_VIEWS = {
    "twice": "class Two:\n    def __init__(self, t): self.t = t\n"
    "    def __call__(self, x): return [self.t(x), self.t(x)]\n"
    f"d = datasets.CIFAR10('d', transform=Two({FLIP}))",
    "n views": "class Views:\n    def __init__(self, t, n=2): self.t, self.n = t, n\n"
    "    def __call__(self, x): return [self.t(x) for i in range(self.n)]\n"
    f"d = datasets.CIFAR10('d', transform=Views({FLIP}))",
    "in the dataset": "class Pairs(Dataset):\n    def __init__(self): \n"
    f"        self.t = {FLIP}\n    def __len__(self): return 2\n    def __getitem__(self, i):\n"
    "        img = Image.open(str(i))\n        return self.t(img), self.t(img)\nd = Pairs()",
    "crops": "class Crops:\n    def __init__(self):\n"
    f"        self.large, self.small = {FLIP}, T.Compose([T.RandomCrop(9), T.ToTensor()])\n"
    "    def __call__(self, image):\n        crops = [self.large(image)]\n        for _ in range(8):\n"
    "            crops.append(self.small(image))\n        return crops\n"
    "d = datasets.ImageFolder('d', transform=Crops())",
}


@pytest.mark.parametrize("text", TWO_VIEWS.values(), ids=TWO_VIEWS)
def test_views_of_one_sample_are_the_task(text: str) -> None:
    assert found_in(text) == []


def test_two_transforms_of_two_samples_are_no_views() -> None:
    text = f"""
    class Pairs(Dataset):
        def __init__(self):
            self.t = {FLIP}
        def __len__(self):
            return 2
        def __getitem__(self, i):
            return self.t(Image.open("a")), self.t(Image.open("b"))
    d = Pairs()
    """
    assert len(found_in(text)) == 2


def test_one_of_two_transforms_is_no_view() -> None:
    text = f"""
    class Images(Dataset):
        def __init__(self, split):
            self.split, self.t, self.e = split, {FLIP}, {FLIP}
        def __len__(self):
            return 2
        def __getitem__(self, i):
            img = Image.open("a")
            return self.t(img) if self.split == "train" else self.e(img)
    """
    assert {f.role for f in found_in(text)} == {"train", "eval"}


def test_transform_that_is_replaced() -> None:
    text = f"d = datasets.CIFAR10('d', transform={FLIP})\nd.transform = T.ToTensor()"
    assert found_in(text) == []


def test_transform_set_later() -> None:
    text = f"d = datasets.CIFAR10('d', train=True)\nd.transform = {FLIP}"
    assert only(text).role == "train"


def test_hugging_face_transforms() -> None:
    text = f"""
    from datasets import load_dataset
    train_transforms = {FLIP}
    def preprocess(examples):
        examples["pixels"] = [train_transforms(image) for image in examples["image"]]
        return examples
    dataset = load_dataset("beans")
    train_ds = dataset["train"].with_transform(preprocess)
    """
    assert only(text).role == "train"


def test_dataset_of_an_unknown_class() -> None:
    text = f"from elsewhere import Birds\nval_set = Birds('d', transform={FLIP})"
    assert only(text).role == "eval"


def test_augmentation_of_batches_in_the_loop() -> None:
    text = """
    import kornia.augmentation as K
    model, loader = nn.Linear(2, 2), DataLoader([])
    opt = torch.optim.SGD(model.parameters(), lr=0.1)
    augment = nn.Sequential(K.RandomHorizontalFlip(), K.ColorJitter(0.1, 0.1, 0.1, 0.1))
    for x, y in loader:
        loss = nn.functional.cross_entropy(model(augment(x)), y)
        loss.backward()
        opt.step()
    """
    assert only(text).role == "train"


def test_averaged_passes() -> None:
    text = f"""
    model = nn.Linear(2, 2)
    loader = DataLoader(datasets.ImageFolder("test", {FLIP}))
    total = 0
    with torch.no_grad():
        for _ in range(10):
            for x, _ in loader:
                total += model(x).softmax(1)
    """
    assert only(text).averaged


def test_plain_training_of_the_same_data() -> None:
    text = f"""
    model = nn.Linear(2, 2)
    opt = torch.optim.SGD(model.parameters(), lr=0.1)
    def train(loader):
        for x, y in loader:
            model(x).sum().backward()
            opt.step()
    train(DataLoader(datasets.ImageFolder("train", T.Compose([T.ToTensor()]))))
    train(DataLoader(datasets.ImageFolder("train", {FLIP})))
    """
    assert all(f.also_plain for f in found_in(text))


def test_lightning_data_module() -> None:
    text = f"""
    import lightning as L
    class Data(L.LightningDataModule):
        def prepare_data(self):
            self.train_tf = {FLIP}
            self.val_tf = T.Compose([T.RandomCrop(3), T.ToTensor()])
        def setup(self, stage=None):
            if stage == "fit" or stage is None:
                self.train_set = datasets.ImageFolder("a", self.train_tf)
                self.val_set = datasets.ImageFolder("b", self.val_tf)
        def train_dataloader(self):
            return DataLoader(self.train_set, shuffle=True)
        def val_dataloader(self):
            return DataLoader(self.val_set)
    """
    found = {transform_name(f): f.role for f in found_in(text)}
    assert found == {"T.RandomHorizontalFlip": "train", "T.RandomCrop": "eval"}


def test_parts_of_a_split_are_different_objects() -> None:
    program = main_program(HEAD + "a, b = random_split([1, 2, 3], [2, 1])")
    assert program.events("split") and not isinstance(program.events("split")[0], Unknown)


@pytest.mark.parametrize(
    ("body", "repeats"),
    [
        ("for batch in super().__iter__():\n            yield batch * 2", True),
        ("for batch in self.batches:\n            yield self.views * list(batch)", True),
        ("for batch in self.batches:\n            yield batch + batch", True),
        (
            "for batch in self.batches:\n            twice = batch * 2\n            yield twice",
            True,
        ),
        ("for b in self.batches:\n            yield [i for i in b for _ in range(4)]", True),
        ("for b in self.batches:\n            yield np.repeat(b, 2).tolist()", True),
        ("return (batch * 2 for batch in self.batches)", True),
        ("for batch in self.batches:\n            yield batch", False),
        ("for batch in self.batches:\n            yield batch * 1", False),
        ("for batch in self.batches:\n            yield batch + self.rare", False),
        ("for group in self.groups:\n            yield [i for b in group for i in b]", False),
        ("for a, b in self.pairs:\n            yield [f(i) for i in a for j in b]", False),
    ],
)
def test_a_sampler_that_gives_each_index_several_times(body, repeats):
    program = main_program(
        "from torch.utils.data import DataLoader, Sampler\nimport numpy as np\n"
        f"class Own(Sampler):\n    def __iter__(self):\n        {body}\n\n"
        "loader = DataLoader(data, batch_sampler=Own(data))\n"
    )
    [loader] = [
        e.subject
        for e in program.events("build")
        if isinstance(e.subject, Built) and e.subject.entry.kind == "loader"
    ]
    assert repeats_samples(loader) is repeats


@pytest.mark.parametrize(
    ("given", "turns"), [("(start, 0, 9, 9)", 1), ("self.paths[i], start", 0), ("start, 0", 0)]
)
def test_a_method_with_more_than_an_image_takes_is_of_something_else(
    given: str, turns: int
) -> None:
    text = f"""
    class Chunks(Dataset):
        def __init__(self, paths, reader):
            self.paths, self.reader = paths, reader
        def __len__(self):
            return len(self.paths)
        def __getitem__(self, i):
            start = random.uniform(0, 5)
            return self.reader.crop({given}), 1
    train_set = Chunks(os.listdir("train"), open("reader"))
    """
    (holder,) = (e.subject for e in main_program(HEAD + textwrap.dedent(text)).events("build"))
    steps = holder.state[SAMPLE].events("transform")
    assert len(steps) == turns
