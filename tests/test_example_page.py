"""The page about the example: its commands run in order as they are printed, and print what it shows."""

from __future__ import annotations

import importlib.util
import re
import shlex
import shutil
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PAGE = (ROOT / "docs" / "example.md").read_text(encoding="utf-8")
RENEW = "renew it with: python docs/generate.py"

# what the example imports of torchvision, for an environment that has none
DATASETS = """
from pathlib import Path

from PIL import Image


class ImageFolder:
    def __init__(self, root, transform):
        self.transform = transform
        self.classes = sorted(folder.name for folder in Path(root).iterdir())
        files = [(f, n) for n, c in enumerate(self.classes) for f in (Path(root) / c).iterdir()]
        self.samples = sorted(files)

    def __len__(self):
        return len(self.samples)

    def __getitem__(self, index):
        file, label = self.samples[index]
        return self.transform(Image.open(file).convert("RGB")), label
"""
TRANSFORMS = """
import torch


class Compose:
    def __init__(self, steps):
        self.steps = steps

    def __call__(self, picture):
        for step in self.steps:
            picture = step(picture)
        return picture


def Grayscale():
    return lambda picture: picture.convert("L")


def RandomResizedCrop(size, scale):
    return lambda picture: picture.crop((85, 0, 170, 64)).resize(size[::-1])


def ToTensor():
    return lambda picture: torch.frombuffer(bytearray(picture.tobytes()), dtype=torch.uint8).reshape(
        1, picture.height, picture.width
    ) / 255


def Normalize(mean, std):
    return lambda picture: (picture - mean[0]) / std[0]
"""


def generator():
    """The program that renews the page."""
    specification = importlib.util.spec_from_file_location("generate", ROOT / "docs/generate.py")
    assert specification and specification.loader
    module = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(module)
    return module


@pytest.fixture
def songs(tmp_path: Path) -> Path:
    """A copy of the example to walk through."""
    pytest.importorskip("numpy")
    pytest.importorskip("cleanlab")
    folder = tmp_path / "bird_songs"
    shutil.copytree(ROOT / "examples" / "bird_songs", folder)
    return folder


def timeless(page: str) -> str:
    """A page without how long things took."""
    return re.sub(r" in [\d.]+ s$", "", page, flags=re.MULTILINE)


def blocks(page: str, word: str) -> list[str]:
    """The outputs of the commands that hold a word."""
    found = re.findall(r"^```console\n(\$ .+?)^```$", page, re.MULTILINE | re.DOTALL)
    return [text for text in found if word in text.partition("\n")[0]]


def test_what_is_shown_is_what_is_printed(songs: Path) -> None:
    assert timeless(generator().walked(PAGE, songs)) == timeless(PAGE), RENEW
    for made in generator().PICTURES.values():
        assert (songs / made).exists() or not made.startswith("found/")


def test_what_runs_the_project_runs(songs: Path) -> None:
    pytest.importorskip("torch")
    (songs / "torchvision").mkdir()
    for name, text in (("__init__", ""), ("datasets", DATASETS), ("transforms", TRANSFORMS)):
        (songs / "torchvision" / f"{name}.py").write_text(text)
    extra = f"--python {shlex.quote(sys.executable)} --time-limit 60"
    page = re.sub(r"^\$ nnlint (recipe|audit songs.*)$", "$ nnlint rule", PAGE, flags=re.MULTILINE)
    page = generator().walked(page, songs, True, extra)
    [audit] = blocks(page, "audit")
    assert audit.count("normalised with constants of other data") == 2
    assert "train            119" in audit and "one value throughout" in audit
    assert (songs / "entering" / "batch-train.png").exists()
    [recipe] = blocks(page, "--run")
    told = " ".join(recipe.split())
    assert 'fed with the first batch of `data.py:build_loaders("songs", 8)`' in told
    assert "loss-at-init: each row of the output is a probability over 3 classes" in told
    assert (songs / "measured" / "train-46-lr-schedule.svg").exists()


@pytest.mark.parametrize("name", re.findall(r"^!\[.+\]\((.+)\)$", PAGE, re.MULTILINE))
def test_pictures_are_made_by_the_commands(name: str) -> None:
    file = ROOT / "docs" / name
    assert name in generator().PICTURES and 200 < file.stat().st_size < 200_000
