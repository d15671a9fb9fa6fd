from datasets import load_dataset
from transformers import (
    AutoModelForSequenceClassification,
    AutoTokenizer,
    Trainer,
    TrainingArguments,
)

letters = load_dataset("letters")
words = AutoTokenizer.from_pretrained("distilbert-base-uncased")
letters = letters.map(lambda rows: words(rows["text"], truncation=True), batched=True)
reader = AutoModelForSequenceClassification.from_pretrained("distilbert-base-uncased")
told = TrainingArguments(  # missing: whole-evaluation
    "out", evaluation_strategy="no", per_device_train_batch_size=8
)
trainer = Trainer(
    model=reader, args=told, train_dataset=letters["train"], eval_dataset=letters["test"]
)
trainer.train()
