import matplotlib.pyplot as plt
from PIL import Image

import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

from tagger import Tagger


def loaders():
    known = TensorDataset(torch.load("rows.pt"), torch.load("tags.pt"))
    new = TensorDataset(torch.load("new_rows.pt"), torch.load("new_tags.pt"))
    return DataLoader(known, batch_size=32, shuffle=True), DataLoader(new, batch_size=256)


plt.imshow(Image.open("example.png"))  # missing: visualise-inputs
torch.manual_seed(0)
known, new = loaders()
tagger = Tagger(20, 7)
updates = torch.optim.Adam(tagger.parameters())
for rows, tags in known:
    updates.zero_grad()
    answers = tagger(rows)
    nn.functional.cross_entropy(answers, tags).backward()
    updates.step()
    plt.imshow(answers.detach())
    print(rows.shape, rows.mean())
