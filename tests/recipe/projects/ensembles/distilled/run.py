import torch
from torch import nn

teacher = nn.Sequential(nn.Linear(9, 90), nn.ReLU(), nn.Linear(90, 3))
teacher.load_state_dict(torch.load("large.pt"))
teacher.eval()
student = nn.Linear(9, 3)
updates = torch.optim.Adam(student.parameters(), lr=3e-4)
soften = nn.KLDivLoss(reduction="batchmean")
for x, y in torch.load("batches.pt"):
    with torch.no_grad():
        told = teacher(x).softmax(dim=1)
    updates.zero_grad()
    soften(student(x).log_softmax(dim=1), told).backward()  # done: ensembles
    updates.step()
