"""The few exceptions, and the wording they share."""

from collections.abc import Iterable, Sequence
from difflib import SequenceMatcher, get_close_matches


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


def did_you_mean(word: str, choices: Iterable[str], most: int = 1) -> str:
    """Return " Did you mean 'x'?" for the choice nearest to `word`, or an empty string where none is near.

    With `most` above 1, others that are about as near are named too: " Did you mean 'x', 'y' or 'z'?".
    """
    near = get_close_matches(word.lower(), list(choices), n=most, cutoff=0.5)
    alike = [SequenceMatcher(None, choice, word.lower()).ratio() for choice in near]
    quoted = [f"'{choice}'" for choice, ratio in zip(near, alike, strict=True) if ratio > alike[0] - 0.1]
    return f" Did you mean {' or '.join(filter(None, [', '.join(quoted[:-1]), quoted[-1]]))}?" if quoted else ""
