import pandas
from torch.utils.data import DataLoader

birds = pandas.read_csv("birds.csv")
print(birds.nlargest(10, "wing"))  # done: search-and-sort
batches = DataLoader(birds.to_numpy(), batch_size=8)
