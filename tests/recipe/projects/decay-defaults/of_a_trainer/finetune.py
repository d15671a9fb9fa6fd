from datasets import load_dataset
from transformers import AutoModelForSequenceClassification, Trainer, TrainingArguments

texts = load_dataset("imdb")
model = AutoModelForSequenceClassification.from_pretrained("distilbert-base-uncased")
settings = TrainingArguments(output_dir="out", num_train_epochs=2)  # missing: decay-defaults
Trainer(model=model, args=settings, train_dataset=texts["train"]).train()
