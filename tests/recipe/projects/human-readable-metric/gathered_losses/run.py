import pytorch_lightning as pl
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset


class Sorter(pl.LightningModule):
    def __init__(self):
        super().__init__()
        self.net = nn.Linear(9, 3)

    def training_step(self, batch, index):
        x, y = batch
        return nn.functional.cross_entropy(self.net(x), y)

    def validation_step(self, batch, index):
        x, y = batch
        return {"loss": nn.functional.cross_entropy(self.net(x), y, reduction="sum"), "seen": len(y)}

    def validation_epoch_end(self, outputs):
        whole = torch.stack([one["loss"] for one in outputs]).sum()
        self.log("loss", whole / sum(one["seen"] for one in outputs))  # missing: human-readable-metric

    def configure_optimizers(self):
        return torch.optim.Adam(self.parameters(), lr=1e-3)


rows = TensorDataset(torch.load("x"), torch.load("y"))
known, new = torch.utils.data.random_split(rows, [0.8, 0.2], torch.Generator().manual_seed(1))
pl.Trainer(max_epochs=3).fit(Sorter(), DataLoader(known, batch_size=64, shuffle=True), DataLoader(new, batch_size=64))
