import random

import numpy as np
import torch
import torch.nn.functional as F
from torchvision.utils import make_grid, save_image

from kelp.sea import KINDS, open_beds
from kelp.shape import Look

FIXED = 1889


class Journey:
    def __init__(self, folder, size=32):
        self.old, self.new = open_beds(folder, size)
        often = np.bincount(self.old.dataset.table["kind"], minlength=KINDS) / len(self.old.dataset)
        print("kinds", often.round(3))
        self.look = Look(often)
        self.adjust = torch.optim.Adam(self.look.parameters(), lr=3e-4)
        self.same, self.same_kinds = next(iter(self.new))

    def begin(self):
        photos, kinds = next(iter(self.old))
        save_image(make_grid(photos, normalize=True), "first.png")
        with torch.no_grad():
            start = F.cross_entropy(self.look(photos), kinds).item()
        often = self.look.say.bias.exp()
        print(f"starts at {start:.3f}, a guess has {-(often * often.log()).sum().item():.3f}")

    def pass_over(self, blind=False):
        self.look.train()
        far = 0.0
        for photos, kinds in self.old:
            if blind:
                photos = photos * 0
            away = F.cross_entropy(self.look(photos), kinds)
            self.adjust.zero_grad()
            away.backward()
            self.adjust.step()
            far += away.item() * len(kinds)
        return far / len(self.old.dataset)

    @torch.no_grad()
    def examine(self):
        self.look.eval()
        hits, worst = 0, []
        for photos, kinds in self.new:
            said = self.look(photos)
            hits += int((said.argmax(1) == kinds).sum())
            each = F.cross_entropy(said, kinds, reduction="none")
            top = each.topk(min(4, len(each))).indices
            worst.append(photos[top])
        save_image(torch.cat(worst), "worst.png", normalize=True)
        return hits / len(self.new.dataset)

    def travel(self, turns, blind=False):
        for turn in range(turns):
            far = self.pass_over(blind)
            print(f"{turn:3d}  {far:.4f}  {self.examine():.4f}")
            with torch.no_grad():
                np.savetxt(f"turn{turn}.txt", self.look(self.same).softmax(1).numpy())


def set_out(folder):
    for state in (random.seed, np.random.seed, torch.manual_seed):
        state(FIXED)
    Journey(folder).travel(3, blind=True)
    journey = Journey(folder)
    journey.begin()
    journey.travel(40)


if __name__ == "__main__":
    set_out("beds")
