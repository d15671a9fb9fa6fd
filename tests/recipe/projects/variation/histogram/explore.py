import matplotlib.pyplot as plt
import pandas
from torch.utils.data import DataLoader

birds = pandas.read_csv("birds.csv")
plt.hist(birds["wing"], bins=40)  # done: variation
batches = DataLoader(birds.to_numpy(), batch_size=8)
