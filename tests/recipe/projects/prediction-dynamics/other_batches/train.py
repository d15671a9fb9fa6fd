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
fixed_batch, fixed_tags = next(iter(new))
for epoch in range(20):
    for rows, tags in known:
        updates.zero_grad()
        answers = tagger(rows)
        nn.functional.cross_entropy(answers, tags).backward()
        updates.step()
    print(answers)  # missing: prediction-dynamics
    for rows, tags in new:
        print(tagger(rows).argmax(1))
    print("loss", nn.functional.cross_entropy(tagger(fixed_batch), fixed_tags).item())
