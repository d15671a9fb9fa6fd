from collections import Counter

from torch.utils.data import DataLoader

words = Counter(open("class_notes.txt").read().split())
print(words.most_common(3))  # cant-tell: balance
batches = DataLoader(sorted(words), batch_size=8)
