from datasets import load_dataset
from transformers import AutoModelForSequenceClassification, Trainer, TrainingArguments

texts = load_dataset("imdb")
model = AutoModelForSequenceClassification.from_pretrained("distilbert-base-uncased")
settings = TrainingArguments(output_dir="out", learning_rate=2e-5)  # missing: weight-decay
Trainer(model=model, args=settings, train_dataset=texts["train"]).train()
