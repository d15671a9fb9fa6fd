import lightning as L
import torch
from torch import nn


class System(L.LightningModule):
    def __init__(self, width, decay):
        super().__init__()
        self.save_hyperparameters()
        self.net = nn.Linear(width, 4)

    def training_step(self, batch, index):
        return nn.functional.cross_entropy(self.net(batch[0]), batch[1])

    def configure_optimizers(self):
        return torch.optim.AdamW(self.parameters(), lr=1e-3, weight_decay=self.hparams.decay)  # done: weight-decay
