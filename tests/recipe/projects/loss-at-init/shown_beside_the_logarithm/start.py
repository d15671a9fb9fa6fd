import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

from tagger import Tagger


def loaders():
    known = TensorDataset(torch.load("rows.pt"), torch.load("tags.pt"))
    new = TensorDataset(torch.load("new_rows.pt"), torch.load("new_tags.pt"))
    return DataLoader(known, batch_size=32, shuffle=True), DataLoader(new, batch_size=256)


def start():
    known, _ = loaders()
    tagger = Tagger(20, 7)
    rows, tags = next(iter(known))
    value = nn.functional.cross_entropy(tagger(rows), tags)
    print(f"{value.item():.3f} of {torch.log(torch.tensor(7.0)).item():.3f}")  # done: loss-at-init


start()
