import hashlib

from torch.utils.data import DataLoader


def is_new(name):
    # no duplicates across splits
    return int(hashlib.md5(name.encode()).hexdigest(), 16) % 10 == 0


names = open("names.txt").read().split()
batches = DataLoader([n for n in names if is_new(n)], batch_size=8)  # cant-tell: duplicates
