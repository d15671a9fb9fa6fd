import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset


def softened(kinds, many, share):
    with torch.no_grad():
        rows = torch.empty(size=(kinds.size(0), many))
        rows.fill_(share / (many - 1))
        rows.scatter_(1, kinds.unsqueeze(1), 1 - share)
    return rows


torch.manual_seed(0)
kept = TensorDataset(torch.load("rows.pt"), torch.load("kinds.pt"))
batches = DataLoader(kept, batch_size=32, shuffle=True)
net = nn.Linear(30, 4)
updates = torch.optim.Adam(net.parameters())
divergence = nn.KLDivLoss(reduction="batchmean")
for rows, kinds in batches:
    updates.zero_grad()
    given = net(rows).log_softmax(dim=1)
    loss = divergence(given, softened(kinds, 4, 0.1))  # done: supervised
    loss.backward()
    updates.step()
