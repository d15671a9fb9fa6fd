import torch
import torchvision
from torch import nn
from torch.utils.data import DataLoader, Dataset
from torchvision import transforms


class Scenes(Dataset):
    def __init__(self, folder, size, train):
        self.size = size
        self.images = sorted((folder / ("train" if train else "test")).glob("*.jpg"))

    def __len__(self):
        return len(self.images)

    def __getitem__(self, index):
        image = torchvision.io.read_image(str(self.images[index])).float()
        return transforms.RandomCrop(self.size)(image)  # contradicted: augmentation


def load_scenes(folder, size):
    train = DataLoader(Scenes(folder, size, True), 32, shuffle=True)
    return train, DataLoader(Scenes(folder, size, False), 32)


def load_digits(size):
    same = transforms.ToTensor()
    train = torchvision.datasets.MNIST("data", train=True, transform=same, download=True)
    test = torchvision.datasets.MNIST("data", train=False, transform=same, download=True)
    return DataLoader(train, size, shuffle=True), DataLoader(test, size)


def fit(net, train, epochs):
    loss, optimizer = nn.CrossEntropyLoss(), torch.optim.SGD(net.parameters(), lr=0.1)
    for _ in range(epochs):
        for x, y in train:
            optimizer.zero_grad()
            loss(net(x), y).backward()
            optimizer.step()
