import pytorch_lightning as pl
import torch
from torch import nn
from torchmetrics import functional


class Regression(pl.LightningModule):
    def __init__(self):
        super().__init__()
        self.linear = nn.Linear(20, 3)
        self.criterion = nn.CrossEntropyLoss()

    def _prepare(self, batch):
        x, y = batch
        return self.linear(x.view(x.size(0), -1)), y

    def _step(self, batch, stage):
        logits, y = self._prepare(batch)
        loss = self.criterion(logits, y)
        if stage == "train":
            return loss
        accuracy = functional.accuracy(logits.argmax(1), y, task="multiclass", num_classes=3)  # done: human-readable-metric
        metrics = {f"{stage}_loss": loss, f"{stage}_acc": accuracy}
        self.log_dict(metrics)
        return metrics

    def training_step(self, batch, batch_idx):
        return self._step(batch, "train")

    def validation_step(self, batch, batch_idx):
        return self._step(batch, "val")

    def configure_optimizers(self):
        return torch.optim.Adam(self.parameters(), lr=1e-3)
