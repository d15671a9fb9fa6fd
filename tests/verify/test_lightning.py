"""The callback in a real trainer; skipped where Lightning is not installed."""

from __future__ import annotations

import pytest
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

lightning = pytest.importorskip("lightning.pytorch", reason="Lightning is not installed")

from nnlint.verify import VerificationError  # noqa: E402
from nnlint.verify.lightning import VerifyCallback  # noqa: E402


class Clean(lightning.LightningModule):
    """Keeps examples apart; batch norm in training mode is meant to mix."""

    def __init__(self):
        super().__init__()
        self.net = nn.Sequential(
            nn.Linear(6, 8), nn.BatchNorm1d(8), nn.Dropout(0.2), nn.Linear(8, 2)
        )
        self.steps = 0

    def forward(self, x):
        return self.net(x)

    def training_step(self, batch, batch_idx):
        self.steps += 1
        x, y = batch
        return nn.functional.mse_loss(self(x), y)

    def configure_optimizers(self):
        return torch.optim.SGD(self.parameters(), lr=0.1)


class Leaky(Clean):
    def forward(self, x):
        return self.net(x - x.mean(0))


class Noisy(Clean):
    def forward(self, x):
        return nn.functional.dropout(self.net(x), 0.5)


def fit(model, tmp_path, callback=None):
    torch.manual_seed(0)
    data = TensorDataset(torch.randn(40, 6), torch.randn(40, 2))
    trainer = lightning.Trainer(
        default_root_dir=tmp_path,
        max_epochs=1,
        accelerator="cpu",
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        callbacks=[callback or VerifyCallback()],
    )
    trainer.fit(model, DataLoader(data, batch_size=8))
    return model


def test_a_clean_module_trains_as_without_the_callback(tmp_path):
    model = fit(Clean(), tmp_path)
    assert model.steps == 5 and model.training
    torch.manual_seed(1)
    plain, checked = Clean(), Clean()
    checked.load_state_dict(plain.state_dict())
    fit(plain, tmp_path, lightning.Callback())
    fit(checked, tmp_path)
    assert all(
        torch.equal(a, b) for a, b in zip(plain.parameters(), checked.parameters(), strict=True)
    )


def test_a_leak_stops_training_before_the_first_step(tmp_path):
    model = Leaky()
    with pytest.raises(VerificationError, match="examples mix"):
        fit(model, tmp_path)
    assert model.steps == 0


def test_evaluation_that_is_random_stops_it_too(tmp_path):
    random = pytest.raises(VerificationError, match="not deterministic")
    with pytest.warns(UserWarning, match="cannot tell"), random:
        fit(Noisy(), tmp_path)
    with pytest.warns(UserWarning, match="cannot tell"):
        fit(Noisy(), tmp_path, VerifyCallback(determinism=False))


def test_inputs_can_be_chosen(tmp_path):
    seen = []
    fit(Clean(), tmp_path, VerifyCallback(inputs=lambda batch: seen.append(1) or (batch[0][:4],)))
    assert seen == [1]
