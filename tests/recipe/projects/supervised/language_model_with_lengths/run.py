import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset


class Writer(nn.Module):
    def __init__(self, words):
        super().__init__()
        self.words = nn.Embedding(words, 64)
        self.memory = nn.GRU(64, 64, batch_first=True)
        self.out = nn.Linear(64, words)

    def forward(self, told, lengths):
        said, _ = self.memory(self.words(told))
        known = torch.arange(told.size(1)) < lengths.unsqueeze(1)
        return self.out(said * known.unsqueeze(2))


torch.manual_seed(0)
kept = TensorDataset(torch.load("texts.pt"), torch.load("lengths.pt"))
batches = DataLoader(kept, batch_size=32, shuffle=True)
writer = Writer(900)
updates = torch.optim.Adam(writer.parameters())
for texts, lengths in batches:
    updates.zero_grad()
    given = writer(texts[:, :-1], lengths)
    loss = nn.functional.cross_entropy(  # cant-tell: supervised
        given.reshape(-1, 900), texts[:, 1:].reshape(-1)
    )
    loss.backward()
    updates.step()
