import torch
from torch import nn
from torch.utils.data import DataLoader
from torchvision import datasets, transforms
from torchvision.utils import save_image

torch.manual_seed(0)
digits = DataLoader(
    datasets.MNIST("digits", transform=transforms.ToTensor()), batch_size=64, shuffle=True
)
painter = nn.Sequential(nn.Linear(100, 784), nn.Tanh())
critic = nn.Sequential(nn.Flatten(), nn.Linear(784, 1))
paints = torch.optim.Adam(painter.parameters(), lr=2e-4)
judges = torch.optim.Adam(critic.parameters(), lr=2e-4)
seeds = torch.randn(64, 100)
for epoch in range(20):
    for real, _ in digits:
        fake = painter(torch.randn(len(real), 100))
        judges.zero_grad()
        (critic(fake.detach()).mean() - critic(real).mean()).backward()
        judges.step()
        paints.zero_grad()
        (-critic(fake).mean()).backward()
        paints.step()
    with torch.no_grad():
        save_image(painter(seeds).view(-1, 1, 28, 28), f"{epoch}.png")  # done: prediction-dynamics
