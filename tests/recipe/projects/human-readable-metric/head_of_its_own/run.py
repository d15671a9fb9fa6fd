import torch
from torch import nn, optim
from torch.utils.data import DataLoader
from torchvision import datasets, models, transforms

scaled = transforms.Compose([transforms.Resize((224, 224)), transforms.ToTensor()])
known = DataLoader(datasets.ImageFolder("known", scaled), batch_size=32, shuffle=True)
new = DataLoader(datasets.ImageFolder("new", scaled), batch_size=32)
network = models.vgg13(weights="DEFAULT")
network.classifier = nn.Sequential(nn.Linear(25088, 200), nn.ReLU(), nn.Linear(200, 30))
updates = optim.Adam(network.classifier.parameters(), lr=1e-3)


def measured(loader):
    agreeing = 0
    network.eval()
    with torch.no_grad():
        for leaves, species in loader:
            given = network(leaves)
            agreeing += (species.data == given.max(dim=1)[1]).sum()  # done: human-readable-metric
    return agreeing / len(loader.dataset)


for epoch in range(5):
    network.train()
    for leaves, species in known:
        updates.zero_grad()
        nn.functional.cross_entropy(network(leaves), species).backward()
        updates.step()
    print(epoch, measured(new))
