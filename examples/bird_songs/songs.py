"""Write a small data set of synthetic songs: `python songs.py songs`.

Three species with forty recordings each to learn from and ten to check with, as grey pictures of
their spectrograms. As in collections of real recordings, some things are wrong with it.
"""

import shutil
import sys
from pathlib import Path

import numpy as np
from PIL import Image

BINS, FRAMES = 64, 256
COUNTS = {"train": 40, "val": 10}
SPECIES = {"chiffchaff": (0.55, 0.2, 9), "nightjar": (0.2, 0.0, 3), "swift": (0.8, -0.3, 5)}
"""Where a syllable begins, how far it sweeps (in shares of the bins), and how many there are."""


def sing(species, generator):
    """The spectrogram of one song, no two syllables of it alike, over noise."""
    start, sweep, syllables = SPECIES[species]
    start += generator.normal(0, 0.04)
    picture = generator.gamma(2.0, 0.05, (BINS, FRAMES))
    bins = np.arange(BINS)[:, None] / BINS
    begin = generator.uniform(5, 40)
    for _ in range(syllables):
        length = generator.uniform(100, 250) / syllables
        frames = np.arange(FRAMES)[None, :] - begin
        inside = (frames >= 0) & (frames < 0.7 * length)
        pitch = start + generator.normal(0, 0.02) + sweep * frames / length
        loud = generator.uniform(0.5, 1.0)
        picture += loud * inside * np.exp(-(((bins - pitch) / 0.03) ** 2))
        begin += length
    return np.clip(picture[::-1] * 200, 0, 255).astype(np.uint8)


def main(root):
    generator = np.random.default_rng(0)
    for split, count in COUNTS.items():
        for species in SPECIES:
            (root / split / species).mkdir(parents=True)
            for number in range(count):
                file = root / split / species / f"{number:02}.png"
                Image.fromarray(sing(species, generator)).save(file)
    train, val = root / "train", root / "val"
    # the same recording in both parts, and one that was cut out twice with another gain
    shutil.copy(train / "swift" / "03.png", val / "swift" / "09.png")
    softer = np.asarray(Image.open(train / "nightjar" / "10.png")) * 0.8 + 3
    Image.fromarray(softer.astype(np.uint8)).save(train / "nightjar" / "39.png")
    # two songs of one species in the folder of another
    for number in (20, 21):
        shutil.copy(train / "chiffchaff" / f"{number}.png", train / "swift" / f"{number}.png")
        Image.fromarray(sing("nightjar", generator)).save(train / "chiffchaff" / f"{number}.png")
    # a silent recorder, and a file that was not written to its end
    Image.fromarray(np.zeros((BINS, FRAMES), np.uint8)).save(train / "chiffchaff" / "30.png")
    whole = (train / "nightjar" / "05.png").read_bytes()
    (train / "nightjar" / "05.png").write_bytes(whole[: len(whole) // 2])


if __name__ == "__main__":
    main(Path(sys.argv[1]))
