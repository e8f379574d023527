"""BLAS has one thread wherever heads are fitted: else their last bits would depend on what is fitted beside them."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

CODE = """
import threading
import numpy as np
from threadpoolctl import threadpool_info
from catml.heads.fit import fit_head, make_folds
from catml.heads.linear import fit_linear
from catml.heads.spec import HeadSpec

def blas():
    return sorted({library["num_threads"] for library in threadpool_info() if library["user_api"] == "blas"})

rows, labels = np.arange(12), np.arange(12) % 2
features = np.random.default_rng(0).normal(size=(12, 20)).astype(np.float32)
work = {
    "make_folds": lambda: make_folds(features, labels, [(rows[4:], rows[:4])], "each"),
    "fit_head": lambda: fit_head(features, labels, HeadSpec((), "each", 0.1), 2, 42),
    "fit_linear": lambda: fit_linear(features, labels, 2, 0.1),
}
before = blas()
thread = threading.Thread(target=work[WHAT])
thread.start()
thread.join()
print(before, blas())
"""


@pytest.mark.skipif((os.cpu_count() or 1) < 2, reason="needs two cores")
@pytest.mark.parametrize("what", ["make_folds", "fit_head", "fit_linear"])
def test_one_thread_from_the_first_head_on(what):
    """Also where a thread fits it that isn't the first: OpenBLAS lets no other raise the number again."""
    done = subprocess.run(
        [sys.executable, "-c", CODE.replace("WHAT", repr(what))],
        cwd=Path(__file__).parents[2], env=os.environ | {"OPENBLAS_NUM_THREADS": "2"},
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.stdout == "[2] [1]\n", done.stderr
