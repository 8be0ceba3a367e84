"""Handwritten digits, recognised by an accelerator on a board.

    hwgen compress examples/digits_task.py:task --recipe examples/digits.toml -o digits.net
    hwgen build digits.net --target icebreaker -o out
    hwgen flash out
    python examples/digits_on_a_board.py digits.net /dev/ttyUSB1

Without a board, `hwgen simulate PACKAGE --board --serve` prints a port that serves as well.
"""

import argparse

import numpy as np

import hwgen
from hwgen.host import BAUD, Accelerator
from hwgen.tasks.digits import Digits


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("network", help="the network in the bitstream, a .net file")
    parser.add_argument("port", help="serial port of the board, such as /dev/ttyUSB1")
    parser.add_argument("--count", type=int, default=100, help="how many digits")
    parser.add_argument("--baud", type=int, default=BAUD, help="that the bitstream was built for")
    options = parser.parse_args()

    network, task = hwgen.load(options.network), Digits(seed=0)
    images, labels = task.test_inputs[: options.count], task.test_labels[: options.count]
    x = network.quantize(np.asarray(images))
    with Accelerator(options.port, network, baud=options.baud) as accelerator:
        y = accelerator.infer(x)
        rate = accelerator.last.rate
    right = int((y.argmax(axis=1) == np.asarray(labels)).sum())
    equal = int((y == network.run(x)).all(axis=1).sum())
    print(f"{right} of {len(x)} digits right, {equal} equal to golden, {rate:.0f} digits a second")


if __name__ == "__main__":
    main()
