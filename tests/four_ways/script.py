"""A script: arguments in, a file with metrics and one with curves out."""

import argparse
import json
from pathlib import Path

import torch

from tests.four_ways.loop import trained

if __name__ == "__main__":
    made = argparse.ArgumentParser()
    made.add_argument("--width", type=int)
    made.add_argument("--lr", type=float)
    made.add_argument("--epochs", type=int)
    made.add_argument("--seed", type=int)
    made.add_argument("--out", type=Path)
    words = made.parse_args()
    torch.set_num_threads(1)
    with (words.out / "curve.jsonl").open("w", encoding="utf-8") as curve:
        metrics = trained(
            words.seed, words.epochs, words.width, words.lr,
            lambda epoch, values: print(json.dumps({"epoch": epoch, **values}), file=curve),
        )  # fmt: skip
    (words.out / "metrics.json").write_text(json.dumps(metrics), encoding="utf-8")
