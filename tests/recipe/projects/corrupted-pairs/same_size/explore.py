from pathlib import Path

from PIL import Image
from torch.utils.data import DataLoader

pairs = []
for file in sorted(Path("photos").iterdir()):
    photo, outline = Image.open(file), Image.open(Path("outlines") / file.name)
    assert photo.size == outline.size  # done: corrupted-pairs
    pairs.append((photo, outline))
batches = DataLoader(pairs, batch_size=8)
