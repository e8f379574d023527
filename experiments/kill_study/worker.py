"""`catml` with one thing more: each trial that this process completes is noted, with the time, in a file.

python -m experiments.kill_study.worker FILE COMMAND --parameter value ...
"""

import json
import sys
import time
from pathlib import Path
from typing import Any

from catml import cli
from catml.study.store import StudyStore


def main() -> int:
    """Run the command."""
    file, add = Path(sys.argv[1]), StudyStore.add

    def noted(store: StudyStore, number: int, *rest: Any) -> None:
        add(store, number, *rest)
        with file.open("a") as log:
            log.write(json.dumps({"trial": number, "time": time.time()}) + "\n")

    StudyStore.add = noted  # type: ignore[method-assign]
    return cli.main(sys.argv[2:])


if __name__ == "__main__":
    sys.exit(main())
