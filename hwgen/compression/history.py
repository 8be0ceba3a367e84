"""What became of a model, step by step."""

__all__ = ["Recorder", "StepRecord"]

import time
from collections.abc import Callable
from dataclasses import dataclass

from torch import nn

from hwgen.compression.counts import count
from hwgen.compression.noise import LayerNoise, Measured, Reference
from hwgen.compression.prune import Sparsity, sparsity
from hwgen.compression.quantize import QuantModel, quant_graph_of
from hwgen.compression.resume.checkpoints import Checkpoints
from hwgen.torch_graph.batches import Batch
from hwgen.torch_graph.float_graph import FloatGraph
from hwgen.torch_graph.threads import thrifty_threads
from hwgen.torch_graph.trace import check_finite
from hwgen.torch_graph.update import update_graph


@dataclass(frozen=True)
class StepRecord:
    """The model after one step.

    Attributes
    ----------
    step : "float", or "train" where the recipe trains first; "sensitivity", "blocks", "skeleton",
        "prune", "fine-tune", "undo", with "2/5" behind it where pruning takes several steps;
        "freeze norms", "quantize", "fine-tune quantized", "qat" or "freeze 0.5"
    parameters : weights, and one bias per output channel, as the integer network holds them
    macs : of one input
    accuracy : what `evaluate` returned, None without it
    seconds : that the step took, without its evaluation; of one that an earlier run did, then
    sparsity : what is zero of the parameters that are there, by kind
    bytes : of the parameters, zeros included: of a float model 4 each; of a quantized one weights
        in their formats with their codebooks, and biases as wide as the layer's largest
    noise : of a quantized model, signal to noise of each layer's output, in order
    """

    step: str
    parameters: int
    macs: int
    accuracy: float | None
    seconds: float
    sparsity: Sparsity
    bytes: int
    noise: tuple[LayerNoise, ...] = ()

    @property
    def db(self) -> float | None:
        """Signal to noise of the network's output, dB; None of a float model."""
        return self.noise[-1].db if self.noise else None


class Recorder:
    """Does steps, checks the model after each, and keeps the history.

    Parameters
    ----------
    graph : of the float model
    example : (batch, channels, height, width) or (batch, features), a float tensor
    evaluate : the accuracy of a module
    checkpoints : where accuracies of an earlier run are found
    progress : called with the name of each step as it starts
    """

    def __init__(
        self,
        graph: FloatGraph,
        example: Batch,
        evaluate: Callable[[nn.Module], float] | None,
        checkpoints: Checkpoints,
        progress: Callable[[str], None] | None,
    ):
        self.graph = graph  # of the float model after the last step
        self.history: list[StepRecord] = []
        self.reference: Reference | None = None  # of quantized models, once there is one
        self.measured: tuple[Measured, ...] = ()  # of the last step
        self._example = example
        self._evaluate = evaluate
        self._checkpoints = checkpoints
        self._progress = progress

    def step(self, name: str, do: Callable[[nn.Module], nn.Module], on: nn.Module) -> nn.Module:
        """Do a step, and return the model after it, in evaluation mode.

        Raises
        ------
        FormatError : NaN or infinity in the model; names the layer
        UnsupportedError, NetworkError : the user's training made something else of the model
        """
        if self._progress is not None:
            self._progress(name)
        start, found = time.perf_counter(), self._checkpoints.seconds
        done = do(on)
        seconds = time.perf_counter() - start + self._checkpoints.seconds - found
        check_finite(done)
        done.eval()
        with thrifty_threads(done, self._example):
            if isinstance(done, QuantModel):
                graph = quant_graph_of(done)
                if self.reference is not None:
                    self.measured = self.reference.measure(done)
            else:
                graph = self.graph = update_graph(self.graph, done, self._example)
            counts, zeros = count(graph), sparsity(graph)
        record = StepRecord(
            name,
            counts.parameters,
            counts.macs,
            self._accuracy(done),
            seconds,
            zeros,
            -(-counts.bits // 8),
            tuple(of.figures for of in self.measured),
        )
        self.history.append(record)
        return done

    def _accuracy(self, model: nn.Module) -> float | None:
        evaluate = self._evaluate
        if evaluate is None:
            return None
        accuracy = self._checkpoints.number("accuracy", model, lambda: evaluate(model))
        model.eval()
        return accuracy
