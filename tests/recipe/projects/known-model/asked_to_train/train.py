import argparse

import torch
from torch.utils.data import DataLoader
from transformers import BertForSequenceClassification, BertTokenizer

from data import load


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--do_train", action="store_true")
    parser.add_argument("--do_eval", action="store_true")
    parser.add_argument("--lr", type=float, default=2e-5)
    args = parser.parse_args()
    if not args.do_train and not args.do_eval:
        raise ValueError("At least one of `do_train` or `do_eval` must be True.")
    tokenizer = BertTokenizer.from_pretrained("bert-base-uncased")
    examples = None
    if args.do_train:
        examples = load("train.tsv", tokenizer)
    model = BertForSequenceClassification.from_pretrained("bert-base-uncased", num_labels=2)  # done: known-model
    named = list(model.named_parameters())
    no_decay = ["bias", "LayerNorm.weight"]
    groups = [
        {"params": [p for n, p in named if not any(nd in n for nd in no_decay)], "weight_decay": 0.01},
        {"params": [p for n, p in named if any(nd in n for nd in no_decay)], "weight_decay": 0.0},
    ]
    if args.do_train:
        optimizer = torch.optim.AdamW(groups, lr=args.lr)
    if args.do_train:
        model.train()
        for _ in range(3):
            for ids, mask, labels in DataLoader(examples, batch_size=32, shuffle=True):
                loss = model(ids, attention_mask=mask, labels=labels)[0]
                loss.backward()
                optimizer.step()
                optimizer.zero_grad()


if __name__ == "__main__":
    main()
