import torch
from torch import nn

network = nn.Linear(4, 2)
# Adam is safe, but it is not what steps below
adam = torch.optim.Adam(network.parameters(), lr=3e-4)  # missing: adam
sgd = torch.optim.SGD(network.parameters(), lr=0.1)
for x, y in torch.load("batches.pt"):
    sgd.zero_grad()
    nn.functional.cross_entropy(network(x), y).backward()
    sgd.step()
