"""What is around an accelerator whose frames are in memory: registers and a frame mover."""

__all__ = ["system_of"]

from typing import TYPE_CHECKING

from hwgen.package.stream_format import StreamFormat
from hwgen_rtl_templates.borders.accelerator_registers import StreamFacts, accelerator_registers
from hwgen_rtl_templates.borders.mover import MoverParameters
from hwgen_rtl_templates.borders.system import SystemParameters

if TYPE_CHECKING:
    from hwgen.package.manifest import Manifest

QUEUES = ("words that enter", "words that leave")  # the mover's


def _facts(of: StreamFormat) -> StreamFacts:
    return StreamFacts(
        frame_bytes=of.frame_bytes,
        shape=of.shape,
        stream_shape=of.stream_shape,
        bits=of.bits,
        slot=of.slot,
        signed=of.signed,
        binary=of.step == 2,
    )


def system_of(manifest: "Manifest", digest: bytes) -> SystemParameters:
    """Return what is around the accelerator of a package that has a bus.

    Parameters
    ----------
    digest : the network's SHA-256
    """
    assert manifest.bus is not None
    bus = manifest.bus
    (x,), (y,) = ((end.stream for end in ends) for ends in (manifest.inputs, manifest.outputs))
    last_bits = y.turn[2]
    mover = MoverParameters(
        bus=bus.kind,
        width=bus.width,
        address_bits=bus.address_bits,
        words_in=x.beats,
        words_out=y.beats,
        last_bytes=-(-last_bits // 8),
    )
    depths = tuple(queue.depth for queue in bus.queues)
    queues = [
        *((name, mover.queue) for name in QUEUES),
        *((queue.name, queue.depth) for queue in bus.queues),
    ]
    registers = accelerator_registers(
        digest[:8], bus.width, bus.address_bits, _facts(x), _facts(y), queues
    )
    return SystemParameters(manifest.accelerator, mover, registers, depths)
