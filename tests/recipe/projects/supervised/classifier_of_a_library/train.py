import torch
from torch.utils.data import DataLoader
from transformers import AutoModelForSequenceClassification, AutoTokenizer

from reviews import load

model = AutoModelForSequenceClassification.from_pretrained("distilbert-base-uncased", num_labels=2)
tokenizer = AutoTokenizer.from_pretrained("distilbert-base-uncased")
optimizer = torch.optim.AdamW(model.parameters(), lr=2e-5)
model.train()
for batch in DataLoader(load(tokenizer), batch_size=16, shuffle=True):
    outputs = model(batch["input_ids"], attention_mask=batch["attention_mask"], labels=batch["labels"])  # done: supervised
    optimizer.zero_grad()
    outputs.loss.backward()
    optimizer.step()
