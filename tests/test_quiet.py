"""Imports are quick and quiet, and leave the garbage collector as it was."""

import subprocess
import sys

import pytest


@pytest.mark.parametrize("before", ["enable", "disable"])
def test_garbage_is_collected_afterwards_as_before_but_not_in_what_was_imported(before):
    code = (
        f"import gc; gc.{before}(); was = gc.isenabled()\n"
        "from catml import quiet\n"
        "quiet.settle('json.tool', 'decimal')\n"
        "assert gc.isenabled() is was\n"
        "assert gc.get_freeze_count() > 1000\n"
        "try:\n"
        "    quiet.settle('no_such_module')\n"
        "except ModuleNotFoundError:\n"
        "    assert gc.isenabled() is was\n"
        "    print('said so')\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "said so\n"
