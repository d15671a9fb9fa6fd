import lightning as L
import torch
from torch.utils.data import DataLoader, TensorDataset

from module import Tagger

L.seed_everything(4)
known = DataLoader(TensorDataset(torch.load("rows.pt"), torch.load("tags.pt")), shuffle=True)
new = DataLoader(TensorDataset(torch.load("new_rows.pt"), torch.load("new_tags.pt")))
trainer = L.Trainer(max_epochs=20)
trainer.fit(Tagger(), known)
trainer.test(dataloaders=new)  # done: whole-evaluation
