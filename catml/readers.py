"""How the text of a parameter becomes a value: a reader returns it, or raises ValueError saying what was expected."""

import math
import re
from collections.abc import Callable

AUTO = "auto"


def gigabytes(text: str) -> float:
    """Read gigabytes."""
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not 0.1 <= value <= 10_000:
        raise ValueError("gigabytes, a number from 0.1")
    return value


def database(text: str) -> str:
    """Read the address of a PostgreSQL database, or nothing."""
    address = text.strip()
    # MLflow would log a password with the other parameters.
    if address and (not address.startswith("postgresql://") or re.search(r"://[^/@]*:[^/@]*@|[?&]password=", address)):
        raise ValueError(
            "postgresql://USER@HOST/DATABASE, the password in ~/.pgpass or PGPASSWORD, or nothing for a file in the "
            "data folder"
        )
    return address


def text(given: str) -> str:
    """Read any text."""
    return given.strip()


def whole(low: int, high: int = 2**31 - 1) -> Callable[[str], int]:
    """Return a reader of whole numbers."""

    def read(text: str) -> int:
        try:
            value = int(text)
        except ValueError:
            value = low - 1
        if value > high:
            raise ValueError(f"a whole number up to {high}")
        if value < low:
            raise ValueError(f"a whole number from {low}")
        return value

    return read


def share(low: float, high: float) -> Callable[[str], float]:
    """Return a reader of numbers."""

    def read(text: str) -> float:
        try:
            value = float(text)
        except ValueError:
            value = math.nan
        if not low <= value <= high:
            raise ValueError(f"a number from {low:g} to {high:g}")
        return value

    return read


def auto_or_not(text: str) -> bool | str:
    """Read auto, or yes or no."""
    if text.strip().lower() == AUTO:
        return AUTO
    try:
        return yes_or_no(text)
    except ValueError:
        raise ValueError("auto, true or false") from None


YES_OR_NO = {"true": True, "yes": True, "1": True, "false": False, "no": False, "0": False}


def yes_or_no(text: str) -> bool:
    """Read yes or no."""
    if not is_yes_or_no(text):
        raise ValueError("true or false")
    return YES_OR_NO[text.strip().lower()]


def is_yes_or_no(text: str) -> bool:
    """Tell whether a text says yes or no."""
    return text.strip().lower() in YES_OR_NO


def cosine(text: str) -> float | None:
    """Read a cosine, or nothing."""
    if not text.strip():
        return None
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not 0 < value <= 1:
        raise ValueError("a number above 0 up to 1, or nothing")
    return value


def filled(what: str) -> Callable[[str], str]:
    """Return a reader of texts that are not empty."""

    def read(text: str) -> str:
        if not text.strip():
            raise ValueError(what)
        return text.strip()

    return read


def names(text: str) -> tuple[str, ...]:
    """Read names of backbones."""
    names = tuple(dict.fromkeys("+".join(map(str.strip, part.split("+"))) for part in text.split(",") if part.strip()))
    parts = [name.split("+") for name in names]
    twice = len({frozenset(part) for part in parts}) < len(parts) or any(
        len(set(part)) < len(part) or "" in part or (AUTO in part and len(part) > 1) for part in parts
    )
    if not names or twice or (AUTO in names and len(names) > 1):
        raise ValueError(f"'{AUTO}' alone, or names of backbones separated by commas; 'a+b' uses the features of both")
    return names


def one_of(*choices: str) -> Callable[[str], str]:
    """Return a reader of one of some words."""

    def read(text: str) -> str:
        if text.strip().lower() not in choices:
            raise ValueError(" or ".join([", ".join(choices[:-1]), choices[-1]]))
        return text.strip().lower()

    return read


def model_name(text: str) -> str:
    """Read the name of a registered model, or nothing."""
    name = text.strip()
    if any(forbidden in name for forbidden in "/:@"):
        raise ValueError("a name without '/', ':' and '@', or nothing so as not to register")
    return name
