"""How much memory `catml predict` takes as it goes through more and more photos, and whether every one is answered.

    python -m experiments.predict [--count 100000]

A folder of so many names of the drawn sample's 400 photos is answered by a classifier of that sample.
"""

import argparse
import os
import subprocess
import tempfile
import time
from pathlib import Path

import pandas as pd

from catml import screen
from experiments.rest.server import memory

PER_FOLDER = 1000
SECONDS = 0.5  # between two looks
MARKS = (100, 1000, 10_000, 25_000, 50_000, 75_000, 100_000)


def main() -> None:
    """Train, predict, watch, and print a table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--count", type=int, default=100_000, help="how many photos")
    count = parser.parse_args().count
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        environment = os.environ | {"CATML_DATA": str(folder / "data"), "MLFLOW_TRACKING_URI": ""}
        options = ["--backbones", "efficientnet-lite0", "--trials", "1", "--repeats", "1"]
        subprocess.run(["catml", "train", *options], cwd=folder, env=environment, check=True, capture_output=True)
        photos = linked(sorted((folder / "data" / "sample").rglob("*.jpg")), folder / "photos", count)
        answers = folder / "answers.csv"
        with answers.open("w") as out, (folder / "errors.txt").open("w") as errors:
            predicting = subprocess.Popen(
                ["catml", "predict", "photos", "--format", "csv", "--log"],
                cwd=folder, env=environment, stdout=out, stderr=errors, start_new_session=True,
            )  # fmt: skip
            looks = watched(predicting, answers)
        if predicting.returncode:
            raise SystemExit((folder / "errors.txt").read_text()[-2000:])
        report(looks, count)
        said = pd.read_csv(answers, dtype=str, keep_default_na=False)
        (log,) = (folder / "data" / "predictions").glob("*.csv")
        kept = pd.read_csv(log, dtype=str, keep_default_na=False)
        names = {str(path.relative_to(folder)) for path in photos}
        whole = set(said["photo"]) == names and len(said) == count and (said["problem"] == "").all()
        print(f"\nevery photo answered, once: {whole}; the same in the table kept: {len(kept) == count}", end="")
        print(f" ({log.stat().st_size / 1e6:.0f} MB)")


def linked(originals: list[Path], folder: Path, count: int) -> list[Path]:
    """Give photos more names, a thousand in a folder, until there are enough; return them."""
    names = [folder / f"{number // PER_FOLDER:03d}" / f"{number:06d}.jpg" for number in range(count)]
    for number, name in enumerate(names):
        name.parent.mkdir(parents=True, exist_ok=True)
        os.link(originals[number % len(originals)], name)
    return names


def watched(process: "subprocess.Popen[bytes]", answers: Path) -> list[tuple[int, float, float]]:
    """Return rows answered, resident MB and seconds, as they were while a process ran."""
    looks = []
    start, rows = time.monotonic(), 0
    with answers.open("rb") as file:
        while process.poll() is None:
            time.sleep(SECONDS)
            rows += file.read().count(b"\n")
            looks.append((rows, memory(process.pid), time.monotonic() - start))
    return looks


def report(looks: list[tuple[int, float, float]], count: int) -> None:
    """Print the memory at some numbers of photos, and the most there was up to then."""
    head = ["photos answered", "resident MB", "most so far", "seconds"]
    rows = []
    for mark in [mark for mark in MARKS if mark <= count] + ([count] if count not in MARKS else []):
        last = max(number for number, (seen, _, _) in enumerate(looks) if seen <= max(mark, looks[0][0]))
        seen, now, seconds = looks[last]
        rows.append(
            [f"{seen:,}", f"{now:.0f}", f"{max(most for _, most, _ in looks[: last + 1]):.0f}", f"{seconds:.0f}"]
        )
    screen.say(screen.table(head, rows, right=head))
    print(f"\nthe most at any time: {max(megabytes for _, megabytes, _ in looks):.0f} MB")


if __name__ == "__main__":
    main()
