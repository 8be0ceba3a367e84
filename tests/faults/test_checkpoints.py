"""Trained weights that outlive a killed demo: the same bits, or trained again."""

import json
import os
import signal
import subprocess
import sys
import textwrap
import time

import pytest
import torch
from torch import nn

from hwgen.cache import Cache
from hwgen.compression.resume.checkpoints import Checkpoints, Trained, code_hash
from support.shell import MARK


def model(seed=0):
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return nn.Sequential(nn.Linear(3, 2), nn.BatchNorm1d(2), nn.Linear(2, 2))


def training(on, runs, amount=1.0):
    """Return a training that counts its runs and changes weights and statistics."""

    def train():
        runs.append(amount)
        on.train()
        on(torch.arange(12.0).reshape(4, 3))
        with torch.no_grad():
            for value in on.parameters():
                value.add_(amount / 3)
        on.eval()

    return train


def same(a, b):
    first, second = a.state_dict(), b.state_dict()
    return first.keys() == second.keys() and all(torch.equal(first[k], second[k]) for k in first)


def test_a_training_is_run_once(tmp_path):
    runs, cache = [], Cache(tmp_path)
    a, b = model(), model()
    first = Checkpoints(["code", 0], cache).train(a, 5, training(a, runs))
    b.train()
    second = Checkpoints(["code", 0], cache).train(b, 5, training(b, runs))
    assert len(runs) == 1
    assert not first.cached and second == Trained(first.seconds, True)
    assert same(a, b) and not same(a, model())
    assert not b.training and b[1].num_batches_tracked == 1


@pytest.mark.parametrize(
    ("made_from", "epochs", "seed"),
    [(["other code", 0], 5, 0), (["code", 1], 5, 0), (["code", 0], 6, 0), (["code", 0], 5, 1)],
)
def test_anything_else_is_another_training(tmp_path, made_from, epochs, seed):
    runs, cache = [], Cache(tmp_path)
    a, b = model(), model(seed)
    Checkpoints(["code", 0], cache).train(a, 5, training(a, runs))
    done = Checkpoints(made_from, cache).train(b, epochs, training(b, runs, 2.0))
    assert runs == [1.0, 2.0] and not done.cached


def test_fresh_trains_again_and_keeps_what_is_there(tmp_path):
    runs, cache = [], Cache(tmp_path)
    a, b, c = model(), model(), model()
    Checkpoints(["code"], cache).train(a, 5, training(a, runs))
    done = Checkpoints(["code"], cache, fresh=True).train(b, 5, training(b, runs, 2.0))
    assert runs == [1.0, 2.0] and not done.cached
    assert Checkpoints(["code"], cache).train(c, 5, training(c, runs)).cached and same(a, c)


@pytest.mark.parametrize("size", [0, 8, 100])
def test_a_cut_checkpoint_is_trained_again(tmp_path, size):
    runs, cache = [], Cache(tmp_path)
    a, b = model(), model()
    Checkpoints(["code"], cache).train(a, 5, training(a, runs))
    (file,) = tmp_path.rglob("*.safetensors")
    file.write_bytes(file.read_bytes()[:size])
    assert not Checkpoints(["code"], cache).train(b, 5, training(b, runs)).cached
    assert len(runs) == 2 and same(a, b)


def test_a_training_that_fails_leaves_nothing(tmp_path):
    def interrupted():
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        Checkpoints(["code"], Cache(tmp_path)).train(model(), 5, interrupted)
    assert not list(tmp_path.rglob("*.safetensors")) and not list(tmp_path.glob(".*"))


def test_code_is_named_by_what_it_says():
    assert code_hash("tasks/digits.py") != code_hash("cache.py") != code_hash("compression")
    assert code_hash("compression") == code_hash("compression")


def test_compressing_digits_goes_on_bit_for_bit(tmp_path):
    """The quantized module from checkpoints computes what the one from training does."""
    import dataclasses

    from hwgen import api
    from hwgen.tasks.digits import Digits

    def compressed():
        digits = Digits(0)
        recipe = dataclasses.replace(
            digits.recipe,
            prune=dataclasses.replace(digits.recipe.prune, epochs=1),
            quantize=dataclasses.replace(digits.recipe.quantize, epochs=1),
        )
        kept = Checkpoints([repr(recipe)], Cache(tmp_path))
        done = []

        def train(model, epochs):
            done.append(kept.train(model, epochs, lambda: digits.train(model, epochs)).cached)

        train(digits.model, 1)
        calibration = digits.calibration
        found = api.compress(digits.model, recipe, train=train, calibration=calibration)
        return done, str(api.import_torch(found.module, digits.example)), found.module

    first, second = compressed(), compressed()
    assert first[0] == [False] * 3 and second[0] == [True] * 3
    assert first[1] == second[1] and same(first[2], second[2])


KILLED = """
    import sys
    from pathlib import Path
    import torch
    from torch import nn
    from hwgen.cache import Cache
    from hwgen.compression.resume.checkpoints import Checkpoints
    kept = Checkpoints(["code"], Cache(Path(sys.argv[1])))
    for epochs in range(1, 1000):
        model = nn.Linear(300, 300)
        def train():
            with torch.no_grad():
                model.weight.fill_(epochs)
                model.bias.fill_(epochs)
        kept._made_from = (epochs,)
        kept.train(model, epochs, train)
        print(epochs, flush=True)
"""


@pytest.mark.parametrize("seed", range(3))
def test_kill_while_weights_are_kept(tmp_path, seed):
    """Whatever is found afterwards is a whole training."""
    from safetensors.torch import load_file

    process = subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(KILLED), str(tmp_path)],
        stdout=subprocess.PIPE,
        env=os.environ | {MARK: str(tmp_path)},
    )
    process.stdout.readline()
    time.sleep(0.05 + 0.031 * seed)
    process.send_signal(signal.SIGKILL)
    process.communicate()
    entries = [path for path in tmp_path.glob("??/*") if path.is_dir()]
    assert entries, f"seed {seed}"
    for entry in entries:
        assert json.loads((entry / "result.json").read_text())["seconds"] >= 0
        state = load_file(entry / "weights.safetensors")
        assert len({*state["weight"].unique().tolist(), *state["bias"].unique().tolist()}) == 1
    cache = Cache(tmp_path)
    cache.cached(["next"], lambda folder: None)
    assert not list(tmp_path.glob(".*"))
