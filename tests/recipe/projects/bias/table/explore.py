import pandas
from torch.utils.data import DataLoader

birds = pandas.read_csv("birds.csv")
print(pandas.crosstab(birds["camera"], birds["species"]))  # done: bias
batches = DataLoader(birds.to_numpy(), batch_size=8)
