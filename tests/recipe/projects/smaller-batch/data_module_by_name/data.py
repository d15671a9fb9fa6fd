import lightning as L
from torch.utils.data import DataLoader
from torchvision.datasets import FashionMNIST, MNIST
from torchvision.transforms import ToTensor


class Clothes(L.LightningDataModule):
    def train_dataloader(self):
        kept = FashionMNIST("clothes", transform=ToTensor())
        return DataLoader(kept, batch_size=256, shuffle=True)


class Digits(L.LightningDataModule):
    def train_dataloader(self):
        return DataLoader(MNIST("digits", transform=ToTensor()), batch_size=16, shuffle=True)  # done: smaller-batch
