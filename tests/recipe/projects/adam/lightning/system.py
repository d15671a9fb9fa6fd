import lightning as L
from torch import nn, optim


class System(L.LightningModule):
    def __init__(self, width=32):
        super().__init__()
        self.body = nn.Sequential(nn.Linear(7, width), nn.ReLU(), nn.Linear(width, 2))

    def training_step(self, batch, index):
        features, labels = batch
        return nn.functional.cross_entropy(self.body(features), labels)

    def configure_optimizers(self):
        return optim.AdamW(self.parameters(), lr=3e-4)  # done: adam
