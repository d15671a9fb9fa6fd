import pytorch_lightning as pl
import torch
from torch import nn
from torch.nn import functional as F


class Contrast(pl.LightningModule):
    def __init__(self, temperature=0.1):
        super().__init__()
        self.temperature = temperature
        self.encoder = nn.Sequential(nn.Flatten(), nn.Linear(784, 64))

    def training_step(self, batch, batch_idx):
        (first, second), _ = batch
        a, b = F.normalize(self.encoder(first)), F.normalize(self.encoder(second))
        logits = a @ b.t() / self.temperature
        loss = F.cross_entropy(logits, torch.arange(len(logits), device=logits.device))  # cant-tell: supervised
        return loss

    def configure_optimizers(self):
        return torch.optim.Adam(self.parameters(), lr=1e-3)
