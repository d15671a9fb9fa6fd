from collections import Counter

from torch.utils.data import DataLoader
from torchvision.datasets import MNIST
from torchvision.transforms import ToTensor

batches = DataLoader(MNIST("digits", transform=ToTensor()), batch_size=64)
many = Counter()
for images, labels in batches:
    many.update(labels.tolist())  # done: balance
print(sorted(many.items()))
