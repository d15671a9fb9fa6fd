import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

from tagger import Tagger


def loaders():
    known = TensorDataset(torch.load("rows.pt"), torch.load("tags.pt"))
    new = TensorDataset(torch.load("new_rows.pt"), torch.load("new_tags.pt"))
    return DataLoader(known, batch_size=32, shuffle=True), DataLoader(new, batch_size=256)


_, new = loaders()
tagger = Tagger(20, 7)
tagger.load_state_dict(torch.load("tagger.pt"))
tagger.eval()
kept = []
with torch.no_grad():
    for rows, tags in new:
        for row, tag, answer in zip(rows, tags, tagger(rows).argmax(1)):
            if answer != tag:
                kept.append((row, tag.item(), answer.item()))
for row, tag, answer in kept[:20]:
    print(row, tag, answer)  # done: mispredictions
