import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

from tagger import Tagger


def loaders():
    known = TensorDataset(torch.load("rows.pt"), torch.load("tags.pt"))
    new = TensorDataset(torch.load("new_rows.pt"), torch.load("new_tags.pt"))
    return DataLoader(known, batch_size=32, shuffle=True), DataLoader(new, batch_size=256)


def fit(blind):
    torch.manual_seed(0)
    known, new = loaders()
    tagger = Tagger(20, 7)
    updates = torch.optim.Adam(tagger.parameters())
    for rows, tags in known:
        if blind:
            rows = torch.zeros_like(rows)
        updates.zero_grad()
        value = nn.functional.cross_entropy(tagger(rows), tags)  # done: input-independent-baseline
        value.backward()
        updates.step()
    return value.item()


print(fit(blind=True), fit(blind=False))
