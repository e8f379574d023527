"""The few exceptions, and the wording they share."""

from collections.abc import Iterable, Sequence
from difflib import get_close_matches


class CatmlError(Exception):
    """What the user is told instead of a traceback; the command ends with `exit_code`."""

    exit_code = 1


class InputError(CatmlError):
    """Raised when what was given can't be worked with: options, photos, weights.

    Holds every problem found, not the first. Each problem says what is wrong, where, and what to do.
    """

    exit_code = 2

    def __init__(self, problems: str | Sequence[str]) -> None:
        self.problems: tuple[str, ...] = (problems,) if isinstance(problems, str) else tuple(problems)
        super().__init__("\n".join(self.problems))


def did_you_mean(word: str, choices: Iterable[str]) -> str:
    """Return " Did you mean 'x'?" for the choice nearest to `word`, or an empty string where none is near."""
    near = get_close_matches(word.lower(), list(choices), n=1, cutoff=0.5)
    return f" Did you mean '{near[0]}'?" if near else ""
