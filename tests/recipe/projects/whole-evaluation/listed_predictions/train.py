import torch
from sklearn.metrics import accuracy_score
from torch.utils.data import DataLoader
from transformers import AutoModelForSequenceClassification

from data import parts


@torch.no_grad()
def measure(model, loader):
    model.eval()
    told, meant = [], []
    for batch in loader:  # done: whole-evaluation
        out = model(**batch)
        told += out.logits.argmax(dim=-1).tolist()
        meant += batch["labels"].tolist()
    return accuracy_score(meant, told)


def main():
    torch.manual_seed(3)
    known, new = parts()
    model = AutoModelForSequenceClassification.from_pretrained("bert-base-uncased")
    optimizer = torch.optim.AdamW(model.parameters(), lr=3e-5)
    for _ in range(3):
        model.train()
        for batch in DataLoader(known, batch_size=16, shuffle=True):
            optimizer.zero_grad()
            model(**batch).loss.backward()
            optimizer.step()
        print(measure(model, DataLoader(new, batch_size=16)))


if __name__ == "__main__":
    main()
