import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

from tagger import Tagger


def loaders():
    known = TensorDataset(torch.load("rows.pt"), torch.load("tags.pt"))
    new = TensorDataset(torch.load("new_rows.pt"), torch.load("new_tags.pt"))
    return DataLoader(known, batch_size=32, shuffle=True), DataLoader(new, batch_size=256)


def one_epoch(tagger, updates, data):
    total, seen = 0.0, 0
    for rows, tags in data:
        updates.zero_grad()
        value = nn.functional.cross_entropy(tagger(rows), tags)
        value.backward()
        updates.step()
        total += value.item() * len(tags)
        seen += len(tags)
    return total / seen


torch.manual_seed(1)
known, _ = loaders()
tagger = Tagger(20, 7)
updates = torch.optim.Adam(tagger.parameters())
for epoch in range(10):
    mean = one_epoch(tagger, updates, known)
    print("%3d  %.4f" % (epoch, mean))  # done: decreasing-loss
