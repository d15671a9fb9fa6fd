import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

from tagger import Tagger


def loaders():
    known = TensorDataset(torch.load("rows.pt"), torch.load("tags.pt"))
    new = TensorDataset(torch.load("new_rows.pt"), torch.load("new_tags.pt"))
    return DataLoader(known, batch_size=32, shuffle=True), DataLoader(new, batch_size=256)


torch.manual_seed(0)
model = Tagger(20, 7)  # missing: good-init
nn.init.zeros_(model.outer.bias)
model.inner.bias.data.fill_(0.1)
updates = torch.optim.Adam(model.parameters())
for rows, tags in loaders()[0]:
    updates.zero_grad()
    nn.functional.cross_entropy(model(rows), tags).backward()
    updates.step()
