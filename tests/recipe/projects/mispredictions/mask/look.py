import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

from tagger import Tagger


def loaders():
    known = TensorDataset(torch.load("rows.pt"), torch.load("tags.pt"))
    new = TensorDataset(torch.load("new_rows.pt"), torch.load("new_tags.pt"))
    return DataLoader(known, batch_size=32, shuffle=True), DataLoader(new, batch_size=256)

import matplotlib.pyplot as plt

_, new = loaders()
tagger = Tagger(20, 7)
tagger.load_state_dict(torch.load("tagger.pt"))
tagger.eval()
for rows, tags in new:
    answers = tagger(rows).argmax(dim=1)
    for row in rows[answers != tags]:
        plt.plot(row)  # done: mispredictions
