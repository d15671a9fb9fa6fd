import hydra
import lightning as L
import torch
from omegaconf import OmegaConf
from torch.utils.data import DataLoader, TensorDataset

settings = OmegaConf.load("conf.yaml")
system = hydra.utils.instantiate(settings.module)
rows = DataLoader(TensorDataset(torch.load("x.pt"), torch.load("y.pt")), batch_size=64, shuffle=True)
L.Trainer(max_epochs=3).fit(system, rows)
