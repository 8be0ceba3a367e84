"""The task of `hwgen demo`, as `hwgen compress examples/digits_task.py:task` takes it.

A task is any object with `model`, `example` and `calibration`, and where the recipe trains or
watches the accuracy, `train(model, epochs)` and `evaluate(model)`.
"""

from hwgen.tasks.digits import Digits

task = Digits(seed=0)
