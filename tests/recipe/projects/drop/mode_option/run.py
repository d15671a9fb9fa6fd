import torch
from torch import nn

from options import *


class Reader(nn.Module):
    def __init__(self, rate):
        super().__init__()
        self.some = nn.Dropout(rate)  # done: drop
        self.head = nn.Linear(80, 4)

    def forward(self, x):
        return self.head(self.some(x))


if __name__ == "__main__":
    if given.mode == "fit":
        network = Reader(given.rate)
        updates = torch.optim.Adam(network.parameters(), lr=3e-4)
        for x, y in torch.load("batches.pt"):
            updates.zero_grad()
            nn.functional.cross_entropy(network(x), y).backward()
            updates.step()
    else:
        network = Reader(given.rate)
        network.load_state_dict(torch.load("reader.pt"))
        network.eval()
        print(network(torch.load("held_out.pt")))
