import logging

import torch
from datasets import load_metric
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

logger = logging.getLogger("net")
measure = load_metric("accuracy")
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
            measure.add_batch(predictions=model(x).argmax(-1), references=y)
            right = measure.compute(predictions=model(x).argmax(-1), references=y)  # done: human-readable-metric
            logger.info("epoch {}: {}".format(epoch, right))
