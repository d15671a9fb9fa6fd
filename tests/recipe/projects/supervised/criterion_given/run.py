import torchvision
from lightning.pytorch import LightningDataModule, LightningModule
from lightning.pytorch.cli import LightningCLI


class Rays(LightningModule):
    def __init__(self, criterion):
        super().__init__()
        self.net = torchvision.models.densenet121(weights=None)
        self.criterion = criterion

    def training_step(self, batch, index):
        pictures, kinds = batch
        return self.criterion(self.net(pictures), kinds)  # done: supervised


class Pictures(LightningDataModule):
    pass


if __name__ == "__main__":
    LightningCLI(Rays, Pictures)
