import pandas
from torch.utils.data import DataLoader

birds = pandas.read_csv("birds.csv")
print(birds["species"].value_counts())  # done: balance
batches = DataLoader(birds.to_numpy(), batch_size=8)
