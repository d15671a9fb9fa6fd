import torch
from sklearn.dummy import DummyClassifier

rows, tags = torch.load("rows.pt"), torch.load("tags.pt")
guess = DummyClassifier(strategy="most_frequent").fit(rows, tags)  # done: input-independent-baseline
print(guess.score(torch.load("new_rows.pt"), torch.load("new_tags.pt")))
