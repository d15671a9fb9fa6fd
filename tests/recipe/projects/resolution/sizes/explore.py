from pathlib import Path

import matplotlib.pyplot as plt
from PIL import Image
from torch.utils.data import DataLoader

files = list(Path("photos").iterdir())
sizes = [Image.open(file).size for file in files]
plt.scatter(*zip(*sizes))  # done: resolution
batches = DataLoader(files, batch_size=8)
