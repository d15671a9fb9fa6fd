import lightning as L
import torch
from torch import nn


class Tagger(L.LightningModule):
    def __init__(self):
        super().__init__()
        self.net = nn.Sequential(nn.Linear(20, 40), nn.ReLU(), nn.Linear(40, 4))
        self.criterion = nn.CrossEntropyLoss()

    def training_step(self, batch, batch_idx):
        logits = self.net(batch["features"])
        loss = self.criterion(logits, batch["tag"])  # done: supervised
        return {"loss": loss}

    def configure_optimizers(self):
        return torch.optim.AdamW(self.parameters(), lr=1e-3)
