import torch
from torch import nn


class Encoder(nn.Module):
    def __init__(self):
        super().__init__()
        self.layers = nn.Sequential(nn.Linear(30, 20), nn.ReLU(), nn.Linear(20, 10))

    def forward(self, x):
        return self.layers(x)


encoder = Encoder()
encoder.load_state_dict(torch.load("unlabelled/encoder.pt"))  # done: pretrain
head = nn.Linear(10, 2)
updates = torch.optim.Adam([*encoder.parameters(), *head.parameters()], lr=3e-4)
for x, y in torch.load("batches.pt"):
    updates.zero_grad()
    nn.functional.cross_entropy(head(encoder(x)), y).backward()
    updates.step()
torch.save(encoder.state_dict(), "labelled/encoder.pt")
