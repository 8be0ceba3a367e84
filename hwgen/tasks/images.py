"""Tasks of images: data, a model, and how to train and evaluate any model on the data.

The seed sets initial weights, batches and augmentation. Training runs on one thread where the
model is small: it would be slower on more (much slower on a busy machine), and results repeat
whatever torch is set to.
"""

__all__ = ["ImageTask"]

from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from hwgen.torch_graph.threads import thrifty_threads

CALIBRATION_BATCH = 256


class ImageTask:
    """Images of one channel and their labels, split into training and held-out ones.

    Adam trains, with a one-cycle learning rate; half of the images of a batch are shifted.

    Attributes
    ----------
    epochs : that the float model wants
    batch, learning_rate : of training; the rate is the largest of the cycle
    reach : pixels that images are shifted by at most, each way
    model : untrained; `train(model, epochs)` trains it
    example : (1, 1, height, width) float32
    calibration : batches of training images
    test_inputs : (images, 1, height, width) float32 in [0, 1], held out
    test_labels : (images,) int64

    Parameters
    ----------
    model : makes the untrained model
    train, test : images (images, 1, height, width) float32, and labels (images,) int64
    """

    epochs: int
    batch = 64
    learning_rate = 4e-3
    reach = 1

    def __init__(
        self,
        seed: int,
        model: Callable[[], nn.Module],
        train: tuple[Tensor, Tensor],
        test: tuple[Tensor, Tensor],
    ):
        self.seed = seed
        self._inputs, self._labels = train
        self.test_inputs, self.test_labels = test
        self.example = self.test_inputs[:1]
        self.calibration = list(torch.split(self._inputs, CALIBRATION_BATCH))
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            self.model: nn.Module = model()

    def train(
        self,
        model: nn.Module,
        epochs: int,
        progress: Callable[[int, int], None] | None = None,
        *,
        penalty: Callable[[nn.Module], Tensor] | None = None,
    ) -> None:
        """Train any model of such images in place, and leave it in evaluation mode.

        Parameters
        ----------
        model : images (batch, 1, height, width) to logits (batch, classes)
        progress : called with (epochs done, epochs) after each epoch
        penalty : of the model, is added to the loss
        """
        generator = torch.Generator().manual_seed(self.seed)
        steps = -(-len(self._inputs) // self.batch)
        optimizer = torch.optim.Adam(model.parameters())
        schedule = torch.optim.lr_scheduler.OneCycleLR(
            optimizer, self.learning_rate, total_steps=max(1, epochs * steps)
        )
        model.train()
        for epoch in range(epochs):
            order = torch.randperm(len(self._inputs), generator=generator)
            with thrifty_threads(model, self.example):
                for batch in torch.split(order, self.batch):
                    logits = model(_shift(self._inputs[batch], self.reach, generator))
                    loss = F.cross_entropy(logits, self._labels[batch])
                    if penalty is not None:
                        loss = loss + penalty(model)
                    optimizer.zero_grad()
                    torch.autograd.backward(loss)
                    optimizer.step()
                    schedule.step()
            if progress is not None:
                progress(epoch + 1, epochs)
        model.eval()

    def evaluate(self, model: nn.Module) -> float:
        """Return the share of the held-out images that the model, in evaluation mode, gets right.

        Returns
        -------
        accuracy in [0, 1]
        """
        model.eval()
        with torch.no_grad(), thrifty_threads(model, self.example):
            right = model(self.test_inputs).argmax(1) == self.test_labels
        return float(right.double().mean())


def _shift(images: Tensor, reach: int, generator: torch.Generator) -> Tensor:
    """Return a batch of images, half of them moved by up to `reach` pixels each way, onto zeros."""
    count, _, height, width = images.shape
    padded = F.pad(images, (reach,) * 4)
    moved = torch.randint(0, 2, (count,), generator=generator)
    down, right = reach + moved * torch.randint(-reach, reach + 1, (2, count), generator=generator)
    rows = down[:, None] + torch.arange(height)
    columns = right[:, None] + torch.arange(width)
    index = torch.arange(count)
    return padded[index[:, None, None], 0, rows[:, :, None], columns[:, None, :]][:, None]
