from torch.utils.tensorboard import SummaryWriter

import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

from tagger import Tagger


def loaders():
    known = TensorDataset(torch.load("rows.pt"), torch.load("tags.pt"))
    new = TensorDataset(torch.load("new_rows.pt"), torch.load("new_tags.pt"))
    return DataLoader(known, batch_size=32, shuffle=True), DataLoader(new, batch_size=256)


torch.manual_seed(0)
board = SummaryWriter()
known, new = loaders()
tagger = Tagger(20, 7)
updates = torch.optim.Adam(tagger.parameters())
for turn, (rows, tags) in enumerate(known):
    rows = (rows - rows.mean()) / rows.std()
    if turn == 0:
        board.add_image("rows", rows, dataformats="HW")  # done: visualise-inputs
    updates.zero_grad()
    nn.functional.cross_entropy(tagger(rows), tags).backward()
    updates.step()
