import torch
from torch import nn
from torch.utils.data import DataLoader
from torchvision import datasets, models, transforms

data = datasets.ImageFolder("pets", transform=transforms.ToTensor())
model = models.resnet18(weights=models.ResNet18_Weights.DEFAULT)  # done: known-model
for weight in model.parameters():
    weight.requires_grad = False
model.fc = nn.Linear(model.fc.in_features, 2)
optimizer = torch.optim.Adam(model.fc.parameters(), lr=1e-3)
for images, labels in DataLoader(data, batch_size=32, shuffle=True):
    optimizer.zero_grad()
    nn.functional.cross_entropy(model(images), labels).backward()
    optimizer.step()
