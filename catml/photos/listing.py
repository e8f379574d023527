"""Which photos there are and what they are labelled: a folder per label, or a table with a row per photo."""

import os
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import NoReturn

import pandas as pd

from catml.errors import InputError, did_you_mean
from catml.photos.split import LEARN, TEST

# What a file manager leaves behind is not a broken photo. Hidden files (leading dot) are left out as well.
LITTER = {"thumbs.db", "desktop.ini", "icon\r"}
PHOTO_SUFFIXES = {".jpg", ".jpeg", ".png", ".webp", ".gif", ".bmp", ".tif", ".tiff", ".heic", ".avif"}
COLUMNS = ["path", "label", "group", "split"]  # all text; group and split are empty where nobody has decided them
BYTES_SHA256 = "bytes_sha256"
# Where `catml predict --copy-to` puts what it is unsure of: no label, so it is no label's folder either.
UNSURE = "_unsure"
# What people call the parts of a split, in folders and in tables.
SIDES = dict.fromkeys(("test", "testing", "holdout"), TEST) | dict.fromkeys(
    ("train", "training", "learn", "val", "valid", "validation", "dev"), LEARN
)
SHOWN_ROWS = 10


@dataclass(frozen=True)
class Listing:
    """The files that ought to be photos, before any is read.

    `files` has the columns of `COLUMNS`, sorted by path; paths are relative to `folder`, with forward slashes, or
    absolute. `problems` are reasons not to go on, `notes` what should be known.

    Of photos that came later, `added` says by path what they came with; `places`, by label, where labels that came with
    them are from; `sha256`, by path, of which bytes the label was said.
    """

    source: Path
    folder: Path
    files: pd.DataFrame
    labels: tuple[str, ...]  # also those without a photo
    problems: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    added: Mapping[str, str] = field(default_factory=dict)
    places: Mapping[str, str] = field(default_factory=dict)
    sha256: Mapping[str, str] = field(default_factory=dict)

    def place(self, label: str) -> str:
        """Return where the photos of a label come from, for messages."""
        if label in self.places:
            return self.places[label]
        return f"{self.folder / label}" if self.source == self.folder else f"{self.source}: {label}"


def list_photos(source: Path, *, later: bool = False) -> Listing:
    """List the photos of a folder that holds one folder per label, or of a table.

    A folder whose folders are called `train`, `test`, `val` and the like and hold the label folders is understood: the
    photos under `test` are the test photos. What lies in a folder `_unsure` has no label yet, and is left out.

    Args:
        source: the folder; or a CSV, TSV or Parquet file with the columns `path` (relative to the table's own folder,
            or absolute) and `label`, and maybe `group` and `split`.
        later: whether these are photos to be added to others. One label is enough then; rows without a label have none
            yet, and are left out; and a column `bytes_sha256` says which bytes were given the label.

    Raises:
        InputError: there is no such folder or file, it can't be read, or rows of the table say nothing or contradict
            each other.
    """
    readers: dict[str, Callable[[Path], pd.DataFrame]] = {
        ".csv": _read_csv,
        ".tsv": _read_csv,
        ".parquet": pd.read_parquet,
    }
    if source.is_dir():
        return _from_folder(source, later)
    if source.is_file() and source.suffix.lower() in readers:
        return _from_table(source, readers[source.suffix.lower()], later)
    if source.exists():
        raise InputError(
            f"{'new_photos' if later else 'photos'}: '{source}' is a file. Give the folder that holds one folder per "
            "label, or a table (.csv, .tsv, .parquet) with the columns path and label."
        )
    where = "" if source.is_absolute() else f" (looked in {Path.cwd()}; an absolute path is always understood)"
    raise InputError(f"photos: there is no folder or table '{source}'{where}.")


def _from_folder(folder: Path, later: bool) -> Listing:
    try:
        everything = sorted(_files(folder))
        inside = sorted(entry.name for entry in folder.iterdir() if not entry.name.startswith("."))
    except PermissionError as error:
        _unreadable(error)
    found = [path for path in everything if not path.startswith(f"{UNSURE}/")]
    undecided = len(everything) - len(found)
    unnamed = [ascii(path) for path in found if not _is_text(path)]
    if unnamed:
        raise InputError([f"{folder}: the name {name} is not valid UTF-8. Rename it." for name in unnamed])
    folders = [name for name in inside if (folder / name).is_dir() and name != UNSURE]
    stray = [name for name in inside if name not in (*folders, UNSURE) and Path(name).suffix.lower() in PHOTO_SUFFIXES]
    parts = [path.split("/") for path in found]
    if not folders:
        # Without labels nothing can be learnt from them, but they can be looked through.
        rows, labels = [(name, "", "", "") for name in stray], []
        problems = [f"{folder}: holds {len(stray)} photos, and no label folders. {_how(folder)}"]
        notes = []
    elif (later or len(folders) > 1) and _are_sides(folders) and parts and all(len(part) > 2 for part in parts):
        sides = {name: SIDES[name.lower()] for name in folders}
        decided = TEST in sides.values()
        rows = [("/".join(part), part[1], "", sides[part[0]] if decided else "") for part in parts]
        labels = sorted({part[1] for part in parts})
        problems = _layout_problems(folder, stray, labels, later)
        test = ", ".join(name for name, side in sides.items() if side == TEST)
        kept = f"the test photos are those in {test}" if decided else "catml keeps back test photos of its own"
        notes = [f"the folders {', '.join(folders)} are no labels but parts of a split; {kept}"]
    else:
        rows, labels = [("/".join(part), part[0], "", "") for part in parts], folders
        problems = _layout_problems(folder, stray, labels, later)
        notes = _suspicious(folders) + _nested(parts)
    if undecided:
        notes.append(f"{folder / UNSURE}: {undecided} photos have no label yet, and are left out")
    files = pd.DataFrame(rows, columns=COLUMNS, dtype=object)
    return Listing(folder, folder, files, tuple(labels), tuple(problems), tuple(notes))


def _files(folder: Path) -> Iterator[str]:
    """Yield the path, relative to the folder, of every file that ought to be a photo."""
    for label in sorted(entry for entry in folder.iterdir() if entry.is_dir() and not entry.name.startswith(".")):
        seen = {label.resolve()}  # a link may lead back to a folder it lies in
        for parent, folders, names in os.walk(label, onerror=_unreadable, followlinks=True):
            real = {name: (Path(parent) / name).resolve() for name in folders if not name.startswith(".")}
            folders[:] = [name for name, place in real.items() if place not in seen]
            seen |= set(real.values())
            within = Path(parent).relative_to(folder).as_posix()
            for name in names:
                if not name.startswith(".") and name.lower() not in LITTER:
                    yield f"{within}/{name}"


def _layout_problems(folder: Path, stray: list[str], labels: list[str], later: bool) -> list[str]:
    problems = [
        f"{folder / name}: lies outside the label folders. Move it into the folder of its label." for name in stray
    ]
    if len(labels) == 1 and not later:
        problems.append(
            f"{folder}: there is only one label folder, '{labels[0]}'; a classifier needs at least two. {_how(folder)}"
        )
    elif _are_sides(labels):
        problems.append(
            f"{folder}: its folders are called {', '.join(labels)}, which are no labels but parts of a split, and "
            f"there are photos without a label folder in them. {_how(folder)}"
        )
    return problems


def _how(folder: Path) -> str:
    return f"Put the photos of each label into a folder of their own: {folder / 'LABEL'}/PHOTO.jpg."


def _are_sides(names: list[str]) -> bool:
    return all(name.lower() in SIDES for name in names)


def _suspicious(folders: list[str]) -> list[str]:
    names = [name for name in folders if name.lower() in SIDES]
    return [f"is '{name}' a label? Folders of that name usually hold one part of a split" for name in names]


def _nested(parts: list[list[str]]) -> list[str]:
    """Return a note for each label whose photos all lie in several folders of their own, perhaps the real labels."""
    notes = []
    inner: dict[str, set[str]] = {}
    shallow = {part[0] for part in parts if len(part) == 2}
    for part in parts:
        inner.setdefault(part[0], set()).add(part[1])
    for label, names in inner.items():
        if label not in shallow and len(names) > 1:
            shown = ", ".join(sorted(names)[:4]) + (", …" if len(names) > 4 else "")
            notes.append(f"'{label}' is one label, with folders in it ({shown}): did you mean the folder '{label}'?")
    return notes


def _from_table(source: Path, read: Callable[[Path], pd.DataFrame], later: bool) -> Listing:
    try:
        table = read(source)
    except UnicodeError:
        raise InputError(f"{source}: is not UTF-8 text. Save it as 'CSV UTF-8'.") from None
    except (OSError, ValueError) as error:
        reason = " ".join(str(error).split())[:200]
        raise InputError(f"{source}: can't be read as a table ({reason}).") from None
    table.columns = [str(name).strip() for name in table.columns]
    problems = [
        f"{source}: has no column '{name}'.{did_you_mean(name, table.columns)} It has {', '.join(table.columns)}."
        for name in ("path", "label")
        if name not in table.columns
    ]
    problems += [
        f"{source}: has the column '{name}' twice. Keep one." for name in COLUMNS if list(table.columns).count(name) > 1
    ]
    if problems:
        raise InputError(problems)
    logged = later and BYTES_SHA256 in table.columns
    ignored = [name for name in table.columns if name not in COLUMNS and not logged]
    notes = [f"{source}: the columns {', '.join(ignored)} are not used"] if ignored else []
    files = pd.DataFrame({name: _texts(table, name) for name in COLUMNS}, dtype=object)
    undecided = files["label"].isin(["", UNSURE]) & later
    if undecided.any():
        notes.append(f"{source}: {undecided.sum()} of {len(files)} rows have no label yet, and are left out")
        files = files[~undecided]
    problems = [*_row_problems(files, source)]
    if problems:
        raise InputError(problems)
    repeated = int(files.duplicated().sum())
    if repeated:
        notes.append(f"{source}: {repeated} rows repeat others")
    files["split"] = files["split"].map(_side)
    files = files.drop_duplicates("path").sort_values("path")
    said = _texts(table, BYTES_SHA256).reindex(files.index) if logged else pd.Series("", files.index)
    sha256 = {path: digest for path, digest in zip(files["path"], said, strict=True) if digest}
    labels = sorted(files["label"].unique())
    if len(labels) < 2 and not later:
        problems = [f"{source}: has {len(files)} photos and {len(labels)} labels; a classifier needs at least two."]
    files = files.reset_index(drop=True)
    return Listing(source, source.parent, files, tuple(labels), tuple(problems), tuple(notes), sha256=sha256)


def _side(text: str) -> str:
    return str(int(text)) if text.isdecimal() else SIDES.get(text.lower(), text)  # "02" is fold 2


def _read_csv(path: Path) -> pd.DataFrame:
    with path.open(encoding="utf-8-sig", errors="replace") as file:
        head = file.readline()
    # Where the decimal point is a comma, spreadsheets separate columns by semicolons.
    separator = max("\t;,", key=head.count)
    return pd.read_csv(path, sep=separator, dtype=str, keep_default_na=False, encoding="utf-8-sig")


def _texts(table: pd.DataFrame, name: str) -> pd.Series:
    if name not in table.columns:
        return pd.Series([""] * len(table), index=table.index)
    # Whole numbers with gaps have become 1.0, 2.0: as text they shall be 1, 2.
    return table[name].convert_dtypes().astype("string").fillna("").str.strip()


def _row_problems(files: pd.DataFrame, source: Path) -> Iterator[str]:
    """Say what is wrong with rows; the first row of photos is row 2, as a spreadsheet counts."""
    for name in ("path", "label"):
        empty = files.index[files[name] == ""]
        if len(empty):
            yield f"{source}, {_rows(empty)}: no {name}. Fill it in, or take the row out."
    for path, rows in files[files["path"] != ""].drop_duplicates().groupby("path"):
        if len(rows) > 1:
            differ = [name for name in COLUMNS[1:] if rows[name].nunique() > 1]
            yield f"{source}, {_rows(rows.index)}: '{path}' has different {' and '.join(differ)}s. Keep the right row."
    given = files["split"].str.lower()
    if not given.any():
        return
    wrong = files.index[(given != "") & ~given.isin(SIDES.keys()) & ~given.str.fullmatch("[0-9]+")]
    if len(wrong):
        found = ", ".join(sorted(set(files.loc[wrong, "split"]))[:5])
        yield (
            f"{source}, {_rows(wrong)}: split is {found}; expected {', '.join(SIDES)}, or the number of a fold "
            "(0, 1, …)."
        )
    empty = files.index[given == ""]
    if len(empty):
        yield f"{source}, {_rows(empty)}: no split, where others have one. Fill it in for all photos or for none."


def _rows(index: pd.Index) -> str:
    numbers = ", ".join(str(row + 2) for row in index[:SHOWN_ROWS])
    more = f" and {len(index) - SHOWN_ROWS} more" if len(index) > SHOWN_ROWS else ""
    return f"row{'s' if len(index) > 1 else ''} {numbers}{more}"


def _is_text(name: str) -> bool:
    try:
        name.encode()
    except UnicodeEncodeError:
        return False
    return True


def _unreadable(error: OSError) -> NoReturn:
    raise InputError(f"{error.filename}: this folder can't be read ({error.strerror}). Give yourself the right to.")
