import torch

from fitting import fit


def prepare(number):
    torch.manual_seed(number)  # done: fixed-seed


def main():
    prepare(7)
    fit(torch.randn(200, 5), torch.randint(3, (200,)))


if __name__ == "__main__":
    main()
