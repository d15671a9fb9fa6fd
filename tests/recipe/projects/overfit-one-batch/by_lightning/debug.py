import lightning as L
import torch
from torch.utils.data import DataLoader, TensorDataset

from module import Tagger

data = DataLoader(TensorDataset(torch.load("rows.pt"), torch.load("tags.pt")), batch_size=8)
trainer = L.Trainer(overfit_batches=1, max_epochs=200)  # done: overfit-one-batch
trainer.fit(Tagger(), data)
