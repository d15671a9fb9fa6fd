import matplotlib.pyplot as plt
import torchvision
from torch.utils.data import DataLoader
from torchvision import datasets, transforms

steps = transforms.Compose([transforms.RandomCrop(28, 4), transforms.ToTensor()])
digits = DataLoader(datasets.MNIST("digits", transform=steps), batch_size=16, shuffle=True)
pictures, numbers = next(iter(digits))
plt.imshow(torchvision.utils.make_grid(pictures).permute(1, 2, 0))  # done: visualise-inputs
plt.savefig("batch.png")
