import sys

import numpy as np
from elsewhere import load_model
from PIL import Image
from skimage.metrics import structural_similarity
from torchvision import transforms

model = load_model(sys.argv[1])
grey = transforms.Grayscale()  # done: spurious-variation
found = []
for name in sys.argv[2:]:
    known = grey(transforms.ToTensor()(Image.open(name)))  # done: spurious-variation
    made = model(known[None])[0]
    wanted = transforms.ToTensor()(Image.open(name.replace("low", "high")))
    found.append(structural_similarity(made.numpy(), wanted.numpy(), data_range=1.0))
print(np.mean(found))
