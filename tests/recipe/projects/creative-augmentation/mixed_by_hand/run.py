import numpy as np
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset


def blend(x, y):
    share = float(np.random.beta(0.4, 0.4))
    others = torch.randperm(len(x))
    return share * x + (1 - share) * x[others], y, y[others], share  # done: creative-augmentation


network = nn.Linear(9, 3)
updates = torch.optim.Adam(network.parameters(), lr=3e-4)
for x, y in DataLoader(TensorDataset(torch.load("x.pt"), torch.load("y.pt")), batch_size=64, shuffle=True):
    mixed, first, second, share = blend(x, y)
    guess = network(mixed)
    loss = share * nn.functional.cross_entropy(guess, first) + (1 - share) * nn.functional.cross_entropy(guess, second)
    updates.zero_grad()
    loss.backward()
    updates.step()
