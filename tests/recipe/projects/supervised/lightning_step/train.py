import torch
from pytorch_lightning import LightningModule
from torch.nn import functional as F


class Digits(LightningModule):
    def __init__(self, hidden=128):
        super().__init__()
        self.inner = torch.nn.Linear(28 * 28, hidden)
        self.head = torch.nn.Linear(hidden, 10)

    def forward(self, x):
        return self.head(torch.relu(self.inner(x.flatten(1))))

    def step(self, batch, stage):
        x, y = batch
        loss = F.cross_entropy(self(x), y)  # done: supervised
        self.log(f"{stage}_loss", loss)
        return loss

    def training_step(self, batch, batch_idx):
        return self.step(batch, "train")

    def validation_step(self, batch, batch_idx):
        self.step(batch, "val")

    def configure_optimizers(self):
        return torch.optim.Adam(self.parameters(), lr=1e-3)
