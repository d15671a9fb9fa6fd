import lightning as L
import torch
import data
from torch import nn


class Reader(L.LightningModule):
    def __init__(self):
        super().__init__()
        self.net = nn.Sequential(nn.Flatten(), nn.Linear(784, 10))

    def training_step(self, batch, index):
        return nn.functional.cross_entropy(self.net(batch[0]), batch[1])

    def configure_optimizers(self):
        return torch.optim.SGD(self.parameters(), lr=0.1)


chosen = getattr(data, input("which data? "))
L.Trainer(max_epochs=2).fit(Reader(), datamodule=chosen())
