"""The types that an editor and mypy see of hwgen, in a script of a user's."""

import subprocess
import sys

import pytest

SCRIPT = """
from pathlib import Path

import numpy as np
import torch

import hwgen
from hwgen.host import Accelerator

model = torch.nn.Sequential(torch.nn.Conv2d(1, 4, 3), torch.nn.ReLU(), torch.nn.Flatten())
recipe = hwgen.Recipe(quantize=hwgen.QuantizeRecipe(weights="int4", activations="uint4"))
images = torch.rand(8, 1, 8, 8)
done = hwgen.compress(model, recipe, calibration=[images])
network: hwgen.Network = hwgen.import_torch(done.module, images[:1])
plan: hwgen.Plan = hwgen.plan(network, target="icebreaker", goal="1000 fps")
package: hwgen.Package = hwgen.generate(plan, Path("build") / "user")
x = network.quantize(images.numpy())
result = package.simulate(x)
equal: bool = result.equal
cost: hwgen.Cost = package.cost("estimate")
luts: int | None = cost.luts
for layer in plan.to_json()["layers"]:
    name: str = layer["name"]
with package.simulated_board() as port, Accelerator(port, network) as accelerator:
    y: np.ndarray[tuple[int, ...], np.dtype[np.int64]] = accelerator.infer(x)
"""


@pytest.mark.slow
@pytest.mark.parametrize(
    ("line", "complaint"), [("", ""), ("wrong: str = plan.interval", "Incompatible types")]
)
def test_a_users_script_is_strictly_typed(line, complaint, tmp_path):
    """With nothing but what is installed; and what is wrong is found."""
    (tmp_path / "script.py").write_text(f"{SCRIPT}{line}\n")
    done = subprocess.run(
        [sys.executable, "-m", "mypy", "--strict", "script.py"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
    )
    assert complaint in done.stdout and (done.returncode == 0) == (not complaint), done.stdout
