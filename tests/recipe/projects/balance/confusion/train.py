import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset


class Confusion:
    def __init__(self, classes):
        self.classes, self.table = classes, torch.zeros(classes, classes)

    def add(self, predicted, target):
        # cant-tell: balance
        self.table += torch.bincount(self.classes * target + predicted, minlength=self.classes**2).reshape(self.classes, -1)


net, confusion = nn.Linear(9, 3), Confusion(3)
with torch.no_grad():
    for x, labels in DataLoader(TensorDataset(torch.load("x.pt"), torch.load("y.pt")), batch_size=64):
        confusion.add(net(x).argmax(1), labels)
print(confusion.table)
