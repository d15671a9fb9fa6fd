import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

from tagger import Tagger


def loaders():
    known = TensorDataset(torch.load("rows.pt"), torch.load("tags.pt"))
    new = TensorDataset(torch.load("new_rows.pt"), torch.load("new_tags.pt"))
    return DataLoader(known, batch_size=32, shuffle=True), DataLoader(new, batch_size=256)


torch.manual_seed(0)
known, new = loaders()
tagger = Tagger(20, 7)
updates = torch.optim.Adam(tagger.parameters())
watched, _ = next(iter(new))
for epoch in range(20):
    for rows, tags in known:
        updates.zero_grad()
        nn.functional.cross_entropy(tagger(rows), tags).backward()
        updates.step()
    with torch.no_grad():
        print(epoch, tagger(watched).softmax(1)[:4])  # done: prediction-dynamics
