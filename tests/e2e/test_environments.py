"""The other ways in: uv from a fresh clone."""

from collections.abc import Callable
from pathlib import Path

from tests.e2e.conftest import Run


def test_uv_makes_the_environment_from_a_fresh_clone(
    clone: Callable[[], Path], colours: Path, run: Run, tmp_path: Path
) -> None:
    folder = clone()
    done = run(
        *("mlflow", "run", ".", "-e", "extract", "--env-manager", "uv"),
        *("-P", f"photos={colours}", "-P", "backbones=efficientnet-lite0"),
        cwd=folder,
        env={"MLFLOW_ENV_ROOT": str(tmp_path / "envs"), "UV_SYSTEM_CERTS": "true"},
    )
    (made,) = (tmp_path / "envs").iterdir()
    assert not made.is_symlink()
    assert (made / "bin" / "python").exists()
    assert "60 extracted" in done.stdout
