import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset


class Teller(nn.Module):
    def __init__(self, words):
        super().__init__()
        self.words = nn.Embedding(words, 64)
        self.memory = nn.GRU(64, 64, batch_first=True)
        self.out = nn.Linear(64, words)

    def forward(self, told, seen):
        said, _ = self.memory(self.words(told), seen.unsqueeze(0))
        return self.out(said)


torch.manual_seed(0)
kept = TensorDataset(torch.load("pictures.pt"), torch.load("captions.pt"))
batches = DataLoader(kept, batch_size=32, shuffle=True)
eye, teller = nn.Sequential(nn.Flatten(), nn.Linear(784, 64)), Teller(900)
updates = torch.optim.Adam([*eye.parameters(), *teller.parameters()])
for pictures, captions in batches:
    updates.zero_grad()
    given = teller(captions[:, :-1], eye(pictures))
    loss = nn.functional.cross_entropy(  # done: supervised
        given.reshape(-1, 900), captions[:, 1:].reshape(-1)
    )
    loss.backward()
    updates.step()
