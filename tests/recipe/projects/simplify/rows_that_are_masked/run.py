from datasets import load_dataset
from transformers import (
    AutoModelForMaskedLM,
    AutoTokenizer,
    DataCollatorForLanguageModeling,
    Trainer,
    TrainingArguments,
)

letters = load_dataset("letters")
reader = AutoTokenizer.from_pretrained("distilbert-base-uncased")


def in_tokens(rows):
    return reader(rows["text"], truncation=True)


letters = letters.map(in_tokens, batched=True).filter(lambda row: len(row["input_ids"]) > 2)
trainer = Trainer(  # cant-tell: simplify
    model=AutoModelForMaskedLM.from_pretrained("distilbert-base-uncased"),
    args=TrainingArguments("out", per_device_train_batch_size=8),
    train_dataset=letters["train"],
    data_collator=DataCollatorForLanguageModeling(reader),
)
trainer.train()
