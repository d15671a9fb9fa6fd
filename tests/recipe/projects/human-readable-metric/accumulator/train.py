import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset


class Totals:
    def __init__(self, n):
        self.data = [0.0] * n

    def add(self, *args):
        self.data = [a + float(b) for a, b in zip(self.data, args)]

    def __getitem__(self, place):
        return self.data[place]


def hits(y_hat, y):
    if len(y_hat.shape) > 1 and y_hat.shape[1] > 1:
        y_hat = y_hat.argmax(axis=1)
    cmp = y_hat.type(y.dtype) == y  # done: human-readable-metric
    return float(cmp.type(y.dtype).sum())


def measure(net, data):
    net.eval()
    totals = Totals(2)
    with torch.no_grad():
        for X, y in data:
            totals.add(hits(net(X), y), y.numel())
    return totals[0] / totals[1]


net = nn.Linear(9, 3)
trainer = torch.optim.SGD(net.parameters(), lr=0.1)
train = DataLoader(TensorDataset(torch.load("x.pt"), torch.load("y.pt")), 256, shuffle=True)
test = DataLoader(TensorDataset(torch.load("x_test.pt"), torch.load("y_test.pt")), 256)
for epoch in range(3):
    for X, y in train:
        trainer.zero_grad()
        nn.functional.cross_entropy(net(X), y).backward()
        trainer.step()
    print(f"epoch {epoch + 1}, test accuracy {measure(net, test):.3f}")
