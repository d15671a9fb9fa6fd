import logging

import torch
from sklearn import metrics
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

logger = logging.getLogger("net")
model = nn.Linear(9, 3)
optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
train = DataLoader(TensorDataset(torch.load("x.pt"), torch.load("y.pt")), batch_size=64, shuffle=True)
test = DataLoader(TensorDataset(torch.load("x_test.pt"), torch.load("y_test.pt")), batch_size=64)
for epoch in range(5):
    model.train()
    for x, y in train:
        optimizer.zero_grad()
        nn.functional.cross_entropy(model(x), y).backward()
        optimizer.step()
    model.eval()
    found, known = [], []
    with torch.no_grad():
        for x, y in test:
            for one in nn.functional.cross_entropy(model(x), y, reduction="none").numpy():
                found.append(one)
            for one in y.numpy():
                known.append(one)
    # how often the classes come says nothing of the model
    score = metrics.f1_score(known, known[::-1], average="macro")
    logger.info("epoch {}: {} {}".format(epoch, sum(found) / len(found), score))  # missing: human-readable-metric
