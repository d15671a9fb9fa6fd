import matplotlib.pyplot as plt
import pandas

kept = pandas.read_csv("outcome/metrics.csv").query("split == 'val'")  # cant-tell: search-and-sort
for width, part in kept.groupby("width"):
    part = part.sort_values("epoch")
    plt.plot(part["epoch"], part["val_accuracy"], label=str(width))
plt.savefig("curves.png")
