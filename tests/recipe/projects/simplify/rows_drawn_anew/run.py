import random

from datasets import load_dataset
from transformers import (
    AutoModelForSequenceClassification,
    AutoTokenizer,
    DataCollatorWithPadding,
    Trainer,
    TrainingArguments,
)

letters = load_dataset("letters")
reader = AutoTokenizer.from_pretrained("distilbert-base-uncased")


def in_tokens(rows):
    texts = [" ".join(random.sample(t.split(), 5)) for t in rows["text"]]
    return reader(texts, truncation=True)


letters.set_transform(in_tokens)
trainer = Trainer(  # cant-tell: simplify
    model=AutoModelForSequenceClassification.from_pretrained("distilbert-base-uncased"),
    args=TrainingArguments("out", per_device_train_batch_size=8),
    train_dataset=letters["train"],
    data_collator=DataCollatorWithPadding(reader),
)
trainer.train()
