import hashlib
from collections import defaultdict
from pathlib import Path

import matplotlib.pyplot as plt
import pandas as pd
from PIL import Image
from sklearn.metrics import cohen_kappa_score


def main():
    beds = pd.read_csv("beds/beds.csv")
    print(beds.groupby("kind").size())
    print(pd.crosstab(beds["diver"], beds["kind"]))
    print(cohen_kappa_score(beds["kind"], beds["second_opinion"]))
    print(beds.sort_values("alive").tail(20))
    beds["alive"].plot.hist(bins=50)
    same = defaultdict(list)
    extents = []
    for file in Path("beds").glob("*.jpg"):
        same[hashlib.blake2b(file.read_bytes()).digest()].append(file)
        with Image.open(file) as photo:
            photo.verify()
            extents.append(photo.size)
    print([files for files in same.values() if len(files) > 1])
    plt.figure()
    plt.scatter([w for w, h in extents], [h for w, h in extents])
    plt.show()


main()
