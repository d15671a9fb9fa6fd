from datasets import load_from_disk
from torch.utils.data import DataLoader
from transformers import AutoModelForSequenceClassification, AutoTokenizer

reader = AutoTokenizer.from_pretrained("bert-base-uncased")
texts = load_from_disk("texts").map(lambda text: reader(text["body"], truncation=True))
batches = DataLoader(texts.with_format("torch"), batch_size=8, shuffle=True)
batch = next(iter(batches))
print(reader.decode(batch["input_ids"][0]))  # done: visualise-inputs
