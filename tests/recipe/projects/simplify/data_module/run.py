import lightning as L
import torch
import torchvision
from torch import nn
from torch.utils.data import DataLoader
from torchvision import transforms


class Digits(L.LightningDataModule):
    def __init__(self, batch):
        super().__init__()
        self.batch = batch

    def setup(self, stage=None):
        change = transforms.ToTensor()
        self.known = torchvision.datasets.MNIST("data", train=True, transform=change)

    def train_dataloader(self):
        return DataLoader(self.known, batch_size=self.batch, shuffle=True)  # done: simplify


class Reader(L.LightningModule):
    def __init__(self):
        super().__init__()
        self.net = nn.Sequential(nn.Flatten(), nn.Linear(784, 10))

    def training_step(self, batch, index):
        return nn.functional.cross_entropy(self.net(batch[0]), batch[1])

    def configure_optimizers(self):
        return torch.optim.SGD(self.parameters(), lr=0.1)


L.Trainer(max_epochs=2).fit(Reader(), datamodule=Digits(64))
