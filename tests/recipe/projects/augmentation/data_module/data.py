import lightning as L
import torchvision
from torch.utils.data import DataLoader
from torchvision import transforms


class Digits(L.LightningDataModule):
    def setup(self, stage=None):
        changed = transforms.Compose([transforms.RandomRotation(10), transforms.ToTensor()])  # done: augmentation
        same = transforms.ToTensor()
        self.known = torchvision.datasets.MNIST("data", train=True, transform=changed)
        self.new = torchvision.datasets.MNIST("data", train=False, transform=same)

    def train_dataloader(self):
        return DataLoader(self.known, batch_size=16, shuffle=True)

    def val_dataloader(self):
        return DataLoader(self.new, batch_size=256)
