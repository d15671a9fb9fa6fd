import lightning as L
import torchvision
from torch.utils.data import DataLoader
from torchvision import transforms


class Digits(L.LightningDataModule):
    def __init__(self, settings):
        super().__init__()
        self.settings = settings

    def setup(self, stage=None):
        self.known = torchvision.datasets.MNIST("data", train=True, transform=transforms.ToTensor())

    def train_dataloader(self):
        return DataLoader(self.known, batch_size=self.settings["batch"], shuffle=True)  # done: smaller-batch
