import torch
from torch import nn


class Fast(nn.Module):
    def __init__(self, slow):
        super().__init__()
        self.head = nn.Linear(8, 2)
        self.head.weight.data.copy_(slow.head.weight.data)
        self.head.bias.data.copy_(slow.head.bias.data)  # missing: good-init

    def forward(self, x):
        return self.head(x)


class Slow(nn.Module):
    def __init__(self):
        super().__init__()
        self.head = nn.Linear(8, 2)

    def forward(self, x):
        return self.head(x)


def main():
    slow = Slow()
    optimizer = torch.optim.Adam(slow.parameters())
    for _ in range(10):
        optimizer.zero_grad()
        nn.functional.mse_loss(slow(torch.load("x.pt")), torch.load("y.pt")).backward()
        optimizer.step()
    print(Fast(slow)(torch.zeros(1, 8)))


main()
