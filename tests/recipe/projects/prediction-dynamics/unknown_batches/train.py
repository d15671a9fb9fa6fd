import torch
from torch.utils.data import DataLoader

from corpus import Tagger, load

model = Tagger()
optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3)
for epoch in range(3):
    for batch in DataLoader(load(), batch_size=16, shuffle=True):
        outputs = model(**{name: part.to("cuda") for name, part in batch.items()})
        optimizer.zero_grad()
        outputs["loss"].backward()
        optimizer.step()
    print(epoch, outputs["loss"].item())  # missing: prediction-dynamics
