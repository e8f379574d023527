"""A study killed with SIGKILL at random moments, or shared by processes, beside one that ran through undisturbed.

    python -m experiments.kill_study [--kills 20] [--photos FOLDER] [--trials 100] [--backbones NAMES]
    python -m experiments.kill_study --postgres postgresql://USER@HOST/DATABASE [--processes 2]

runs `catml train`, with features at hand, in folders of its own that it deletes in the end. In the database it leaves
the study; a database that has this study already is refused, since nothing would be left to do in it.
"""

import argparse
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

import optuna
from optuna.storages import BaseStorage, JournalStorage, RDBStorage
from optuna.storages.journal import JournalFileBackend

from catml import screen

ROOT = Path(__file__).resolve().parents[2]
DELAY = 0.5  # seconds, at most, between a trial's completion and the kill
Trials = dict[int, tuple[object, ...]]


class Place:
    """A folder in which `catml train` works as in a project of its own."""

    def __init__(self, folder: Path, command: Sequence[str], features: Path | None = None) -> None:
        self.folder, self.command = folder, [*command]
        folder.mkdir()
        if features is not None:
            shutil.copytree(features / "data", folder / "data", ignore=shutil.ignore_patterns("studies"))
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("MLFLOW_", "CATML_"))}
        self.environment = kept | {"PYTHONPATH": str(ROOT)}

    def start(self, *more: str) -> "subprocess.Popen[str]":
        """Start the command; what it says goes into a file."""
        self.said = self.folder / f"said-{time.monotonic_ns()}.txt"
        command = [sys.executable, "-m", "experiments.kill_study.worker", "trials.jsonl", "train", *self.command, *more]
        with self.said.open("w") as out:
            return subprocess.Popen(command, cwd=self.folder, env=self.environment, stdout=out, stderr=out, text=True)

    def finish(self, process: "subprocess.Popen[str]") -> str:
        """Wait for its end and return what it said."""
        process.wait()
        said = self.said.read_text()
        if process.returncode != 0:
            raise SystemExit(f"catml train ended with {process.returncode}:\n{said}")
        return said

    @property
    def journal(self) -> Path | None:
        """The study's journal, once there is one."""
        return next(iter((self.folder / "data" / "studies").glob("*.journal")), None)

    def done(self) -> int:
        """Return how many trials the journal has."""
        return self.journal.read_bytes().count(b'"log_losses"') if self.journal else 0

    def log(self) -> list[dict[str, int | float]]:
        """Return which trial each process of this folder has done, and when."""
        file = self.folder / "trials.jsonl"
        return [json.loads(line) for line in file.read_text().splitlines()] if file.exists() else []


def trials_of(storage: BaseStorage, name: str) -> Trials:
    """Return all that a study is compared by; stops where a trial is there twice."""
    found: Trials = {}
    for trial in optuna.load_study(study_name=name, storage=storage).get_trials(deepcopy=False):
        of = trial.user_attrs
        if of["number"] in found:
            raise SystemExit(f"trial {of['number']} is in the study twice")
        found[of["number"]] = (trial.params, trial.value, of["log_losses"], of["accuracies"], of["epochs"])
    return found


def journal_of(place: Place) -> Trials:
    """Return the trials in a folder's journal."""
    return trials_of(JournalStorage(JournalFileBackend(str(place.journal))), "catml")


def verdict(said: str) -> str:
    """Return the table of the best heads, the champion and its test, as `catml train` printed them."""
    return said.split("best heads")[1].split("\nlook")[0]


def champion(said: str) -> str:
    """Return the line that names the champion."""
    return next(line.removeprefix("champion").strip() for line in said.splitlines() if line.startswith("champion"))


def kill_at(place: Place, moments: Sequence[tuple[int, float]]) -> None:
    """Start the study again and again, and kill it when so many trials are done, and a little later."""
    rows = []
    for number, (count, delay) in enumerate(moments, 1):
        before = place.done()
        process = place.start()
        while place.done() < max(count, before):
            if process.poll() is not None:
                raise SystemExit(f"it ended before it could be killed:\n{place.said.read_text()}")
            time.sleep(0.002)
        if count <= before:  # more were done after the last kill was due: wait until it is at the study again
            while "trying heads" not in place.said.read_text():
                time.sleep(0.002)
        time.sleep(delay)
        process.send_signal(signal.SIGKILL)
        process.wait()
        resumed = "-" if number == 1 else "yes" if f"study      {before} of " in place.said.read_text() else "NO"
        rows.append([str(number), str(before), str(place.done()), resumed])
        screen.say(f"kill {number} of {len(moments)}: {before} trials when it was started, {place.done()} when killed")
    head = ["kill", "trials at its start", "trials at that moment", "all of them at hand"]
    screen.say("\n" + screen.table(head, rows, right=head[:3]))


def share(places: Sequence[Place], address: str) -> list[str]:
    """Start one process a folder on one study at once, and show who did what."""
    processes = [place.start("--storage", address) for place in places]
    said = [place.finish(process) for place, process in zip(places, processes, strict=True)]
    log = sorted(
        (entry["time"], entry["trial"], number) for number, place in enumerate(places) for entry in place.log()
    )
    screen.say("trials in the order in which they were completed, each with the letter of its process:")
    words = [f"{trial}{'ABCDEFGH'[number]}" for _, trial, number in log]
    for start in range(0, len(words), 20):
        screen.say("  " + " ".join(words[start : start + 20]))
    shares = [f"{'ABCDEFGH'[n]} {sum(number == n for *_, number in log)}" for n in range(len(places))]
    screen.say(f"done by {', '.join(shares)}; {len(log)} in all, {len({trial for _, trial, _ in log})} different")
    return said


def report(same: Mapping[str, bool]) -> int:
    """Print one line for each thing compared; return the exit code."""
    for what, answer in same.items():
        screen.say(f"{what}: {'yes' if answer else 'NO'}")
    return 0 if all(same.values()) else 1


def main() -> int:
    """Run the undisturbed study and the other, and compare them."""
    parser = argparse.ArgumentParser(prog="python -m experiments.kill_study", description=__doc__.splitlines()[0])
    parser.add_argument("--photos", default="sample")
    parser.add_argument("--backbones", default="efficientnet-lite0")
    parser.add_argument("--trials", type=int, default=100)
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--postgres", metavar="ADDRESS")
    parser.add_argument("--processes", type=int, default=2)
    options = parser.parse_args()
    photos = options.photos if options.photos == "sample" else str(Path(options.photos).resolve())
    command = ["--photos", photos, "--backbones", options.backbones, "--trials", str(options.trials)]
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    with tempfile.TemporaryDirectory(prefix="kill_study-") as folder:
        through = Place(Path(folder) / "through", command)
        start = time.monotonic()
        whole = through.finish(through.start())
        expected = journal_of(through)
        screen.say(f"undisturbed: {len(expected)} trials in {time.monotonic() - start:.0f} s with all else")
        screen.say(f"champion: {champion(whole)}\n")
        if options.postgres:
            name = f"catml-{through.journal.stem}" if through.journal else ""
            storage = RDBStorage(options.postgres.replace("postgresql://", "postgresql+psycopg://", 1))
            if name in [study.study_name for study in storage.get_all_studies()]:
                raise SystemExit(f"{options.postgres} has {name} already")
            places = [Place(Path(folder) / str(n), command, through.folder) for n in range(options.processes)]
            said = share(places, options.postgres)
            leaders = [text for text in said if "best heads" in text]
            found, end = trials_of(storage, name), leaders[0] if leaders else "best heads"
            everyone = sorted(entry["trial"] for place in places for entry in place.log())
            return report(
                {
                    "each trial done once": everyone == sorted(expected),
                    "one process tested and registered": len(leaders) == 1,
                    "same trials, params and scores": found == expected,
                    "same champion": verdict(end) == verdict(whole),
                }
            )
        generator = random.Random(options.seed)
        moments = sorted(
            (generator.randrange(options.trials), generator.uniform(0, DELAY)) for _ in range(options.kills)
        )
        place = Place(Path(folder) / "killed", command, through.folder)
        kill_at(place, moments)
        end = place.finish(place.start())
        screen.say(f"\nchampion: {champion(end)}")
        same = {"same trials, params and scores": journal_of(place) == expected}
        return report(same | {"same champion": verdict(end) == verdict(whole)})


if __name__ == "__main__":
    sys.exit(main())
