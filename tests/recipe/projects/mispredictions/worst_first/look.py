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
rows, tags = new.dataset.tensors
with torch.no_grad():
    each = nn.functional.cross_entropy(tagger(rows), tags, reduction="none")
for place in each.argsort(descending=True)[:10]:
    print(rows[place], tags[place])  # done: mispredictions
