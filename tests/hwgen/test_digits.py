"""The demo's task: its data, and the accuracy that it must reach."""

import numpy as np
import pytest
import torch

from hwgen.compression import compress
from hwgen.importers.from_torch import import_torch
from hwgen.tasks.digits import HELD_OUT, Digits, DigitsCnn

pytestmark = pytest.mark.usefixtures("one_thread")


def test_the_split_is_fixed_and_stratified():
    a, b = Digits(seed=0), Digits(seed=1)
    assert a.test_inputs.shape == (HELD_OUT, 1, 8, 8) and HELD_OUT == 360
    assert torch.equal(a.test_inputs, b.test_inputs)
    counts = np.bincount(a.test_labels)
    assert counts.min() >= 34 and counts.max() <= 37
    assert sum(len(batch) for batch in a.calibration) == 1797 - 360
    held = {image.numpy().tobytes() for image in a.test_inputs}
    trained = {image.numpy().tobytes() for batch in a.calibration for image in batch}
    assert not held & trained


def test_training_repeats():
    results = []
    for threads in (1, 2):
        torch.set_num_threads(threads)
        task = Digits(seed=5)
        done: list[tuple[int, int]] = []
        task.train(task.model, 2, progress=lambda *epoch, done=done: done.append(epoch))
        assert done == [(1, 2), (2, 2)] and torch.get_num_threads() == threads
        results.append(torch.cat([value.flatten() for value in task.model.parameters()]))
    assert torch.equal(*results)
    assert isinstance(task.model, DigitsCnn)


@pytest.mark.slow
def test_seeds_reach_the_accuracy(seeds=3):
    """Mean over seeds: float at least 97 %, half the channels and 4 bits within 1.5 points."""
    accuracy: dict[str, list[float]] = {}
    for seed in range(seeds):
        task = Digits(seed)
        task.train(task.model, task.epochs)
        done = compress(
            task.model,
            task.recipe,
            example=task.example,
            train=task.train,
            evaluate=task.evaluate,
            calibration=task.calibration,
        )
        for record in done.history:
            accuracy.setdefault(record.step, []).append(record.accuracy)
        assert done.module.get_parameter("conv1.weight").shape == (8, 1, 3, 3)
        assert done.module.get_parameter("conv2.weight").shape == (16, 8, 3, 3)
        network = import_torch(done.module, task.example)
        with torch.no_grad():
            y = done.module(task.test_inputs).numpy()
        golden = network.run(network.quantize(task.test_inputs.numpy()))
        assert np.array_equal(np.rint(y / network.output.scale), golden), f"seed {seed}"
        right = (golden.argmax(1) == task.test_labels.numpy()).mean()
        assert right == pytest.approx(done.history[-1].accuracy), f"seed {seed}"
    mean = {step: float(np.mean(values)) for step, values in accuracy.items()}
    assert mean["float"] >= 0.97, accuracy
    assert mean["qat"] >= mean["float"] - 0.015, accuracy
