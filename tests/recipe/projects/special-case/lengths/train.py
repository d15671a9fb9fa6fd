import os

from PIL import Image

names = os.listdir("pictures")
pictures = []
for name in names:
    pictures.append(Image.open(name))
assert len(names) == len(pictures)  # cant-tell: special-case
