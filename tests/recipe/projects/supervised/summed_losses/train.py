import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset


class TwoHeads(nn.Module):
    def __init__(self):
        super().__init__()
        self.body = nn.Linear(16, 32)
        self.kind, self.size = nn.Linear(32, 5), nn.Linear(32, 1)

    def forward(self, x):
        x = self.body(x).relu()
        return {"kind": self.kind(x), "size": self.size(x)}


def losses_of(outputs, kind, size):
    return {
        "kind": nn.functional.cross_entropy(outputs["kind"], kind),  # done: supervised
        "size": nn.functional.mse_loss(outputs["size"], size),
    }


def main():
    net = TwoHeads()
    optimizer = torch.optim.Adam(net.parameters())
    data = TensorDataset(torch.load("x.pt"), torch.load("kind.pt"), torch.load("size.pt"))
    for x, kind, size in DataLoader(data, batch_size=16, shuffle=True):
        losses = losses_of(net(x), kind, size)
        total = sum(losses.values())
        optimizer.zero_grad()
        total.backward()
        optimizer.step()


main()
