import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

from tagger import Tagger


def loaders():
    known = TensorDataset(torch.load("rows.pt"), torch.load("tags.pt"))
    new = TensorDataset(torch.load("new_rows.pt"), torch.load("new_tags.pt"))
    return DataLoader(known, batch_size=32, shuffle=True), DataLoader(new, batch_size=256)

import math

torch.manual_seed(0)
known, new = loaders()
tagger = Tagger(20, 7)
updates = torch.optim.Adam(tagger.parameters())
for rows, tags in known:
    updates.zero_grad()
    nn.functional.cross_entropy(tagger(rows), tags).backward()
    updates.step()
total = 0.0
with torch.no_grad():
    for rows, tags in new:
        total += nn.functional.cross_entropy(tagger(rows), tags, reduction="sum").item()
print(math.exp(total / len(new.dataset)))  # done: human-readable-metric
