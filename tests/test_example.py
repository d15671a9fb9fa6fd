"""The example project runs, and has the mistakes that nnlint finds in it."""

from __future__ import annotations

import runpy
from pathlib import Path

import pytest

from nnlint.config import Config
from nnlint.engine import lint

EXAMPLE = Path(__file__).parent.parent / "examples" / "bird_songs"
PLANTED = {
    ("data.py", "augmentation-in-eval"),
    ("train.py", "missing-seed"),
    ("model.py", "dropout-before-batchnorm"),
    ("model.py", "view-mixes-batch"),
    ("train.py", "softmax-into-cross-entropy"),
    ("train.py", "missing-eval-mode"),
    ("train.py", "default-step-decay"),
}


def test_every_planted_mistake_is_found() -> None:
    findings = lint([str(EXAMPLE)], Config(), jobs=1, use_cache=False).findings
    assert {(Path(f.filename).name, f.name) for f in findings} >= PLANTED


@pytest.fixture
def songs():
    """The example's model in evaluation mode, and a batch for it."""
    torch = pytest.importorskip("torch")
    model = runpy.run_path(str(EXAMPLE / "model.py"))["SongClassifier"](classes=5).eval()
    return model, torch.randn(4, 1, 64, 256, generator=torch.Generator().manual_seed(0))


def test_the_model_mixes_examples(songs) -> None:
    model, batch = songs
    changed = batch.clone()
    changed[0] += 1
    moved = (model(batch) - model(changed)).abs().amax(dim=1) > 1e-6
    assert moved[1:].any()


def test_the_loss_cannot_come_near_zero(songs) -> None:
    torch = pytest.importorskip("torch")
    model, batch = songs
    output = model(batch)
    assert output.sum(dim=1).allclose(torch.ones(4))
    best = torch.nn.functional.cross_entropy(torch.eye(5), torch.arange(5))
    assert best > 0.9
