import argparse

parser = argparse.ArgumentParser()
parser.add_argument("--mode", choices=["fit", "score"], default="score")
parser.add_argument("--rate", type=float, default=0.3)
given = parser.parse_args()
