import lightning as L
import torch
from lightning.pytorch.callbacks import EarlyStopping, ModelCheckpoint
from torch import nn, optim
from torch.utils.data import DataLoader, TensorDataset


class System(L.LightningModule):
    def __init__(self):
        super().__init__()
        self.body = nn.Linear(7, 2)

    def training_step(self, batch, index):
        return nn.functional.cross_entropy(self.body(batch[0]), batch[1])

    def validation_step(self, batch, index):
        self.log("held_out", nn.functional.cross_entropy(self.body(batch[0]), batch[1]))

    def configure_optimizers(self):
        return optim.Adam(self.parameters(), lr=3e-4)


rows = DataLoader(TensorDataset(torch.load("x.pt"), torch.load("y.pt")), batch_size=64, shuffle=True)
stop = EarlyStopping(monitor="held_out", patience=3)  # done: early-stopping
trainer = L.Trainer(max_epochs=50, callbacks=[stop, ModelCheckpoint(monitor="held_out")])
trainer.fit(System(), rows, DataLoader(TensorDataset(torch.load("vx.pt"), torch.load("vy.pt")), batch_size=64))
