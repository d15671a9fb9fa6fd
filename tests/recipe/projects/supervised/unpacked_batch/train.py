import torch
from torch import nn
from torch.utils.data import DataLoader

from corpus import load


class Tagger(nn.Module):
    def __init__(self, words, tags):
        super().__init__()
        self.embedding, self.head = nn.Embedding(words, 32), nn.Linear(32, tags)

    def forward(self, ids=None, labels=None):
        logits = self.head(self.embedding(ids))
        loss = None
        if labels is not None:
            loss = nn.functional.cross_entropy(logits.flatten(0, 1), labels.flatten())  # done: supervised
        return {"loss": loss, "logits": logits}


model = Tagger(1000, 9)
optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3)
for batch in DataLoader(load(), batch_size=16, shuffle=True):
    loss = model(**batch)["loss"]
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
