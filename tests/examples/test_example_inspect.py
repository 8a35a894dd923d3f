"""The example runs as documented, on few generated reviews."""

import importlib.util
import re
from pathlib import Path

import pytest

EXAMPLE = Path(__file__).parents[2] / "examples" / "inspect_errors.py"
pytestmark = [pytest.mark.examples, pytest.mark.slow]


def test_the_example_checks_the_observations_and_writes_its_pages(capsys, folder):
    pytest.importorskip("matplotlib")
    pytest.importorskip("pandas")
    spec = importlib.util.spec_from_file_location("inspect_errors", EXAMPLE)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    module.main([], n_generated=900)
    out = capsys.readouterr().out
    assert "nan" not in out
    ((low, high),) = re.findall(r"Dense: rank.*?oov_rate .*? \[(\S+), (\S+)\];", out, re.S)
    assert 0 < float(low) < float(high)  # unknown opinions cost
    folder = folder / "inspect_output"
    for name in ("Dense", "CNN"):
        assert f"{name}: rank correlation of the loss with a feature" in out
        assert f"{name}: the subgroups with the highest loss" in out
        assert (folder / f"report_{name}.html").stat().st_size > 50_000
        for picture in ("loss_by_feature", "latent_space"):
            data = (folder / f"{picture}_{name}.png").read_bytes()
            assert data.startswith(b"\x89PNG")
    assert "McNemar's exact p" in out and "clusters across splits" in out
    assert (folder / "compare.html").exists()
