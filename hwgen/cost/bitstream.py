"""Bitstreams: from a placed design to what a chip is programmed with."""

__all__ = ["pack"]

import hashlib
import shutil
from pathlib import Path

from hwgen import tools
from hwgen.cache import Cache, Part
from hwgen.cost.routing import Route
from hwgen.errors import HwgenError, PlanError, ToolError
from hwgen.families import routing_of
from hwgen.targets import get_target


def pack(route: Route, *, timeout: float = 600.0, cache: Cache | None = None) -> Path:
    """Return the bitstream of a placed design with pins, made now or by an equal run.

    Parameters
    ----------
    route : of a whole chip's design (`route(pins=...)`)
    timeout : seconds that the packer may take
    cache : where results are kept; the user's cache when not given

    Raises
    ------
    PlanError : no open tool makes bitstreams for the target
    HwgenError : the design has no pins, or its layout is gone
    ToolError : the packer is missing, fails, does not finish in time or writes nothing
    """
    target = get_target(route.target)
    packing = routing_of(target).packing
    if packing is None:
        raise PlanError(f"No open tool makes bitstreams for {target.name} ({target.family})")
    if route.layout is None:
        raise HwgenError(f"{route.top} must be placed with pins for a bitstream of it")
    packer, layout, name = packing.packer, route.layout, f"bitstream.{packing.ending}"
    try:
        digest = hashlib.sha256(layout.read_bytes()).hexdigest()
    except OSError as error:
        raise HwgenError(f"Layout of {route.top} is gone: {error}; run again") from error
    cache = cache or Cache()
    arguments = [argument.format(die=target.die) for argument in packing.arguments]
    key: list[Part] = ["bitstream 1", packer.name, tools.version(packer), digest, *arguments]
    log = cache.log(key, f"{route.top}-pack")

    def build(folder: Path) -> None:
        shutil.copyfile(layout, folder / packing.layout)
        tools.run(packer, arguments, cwd=folder, timeout=timeout, log=log)
        (folder / packing.layout).unlink()
        if not (folder / name).is_file() or not (folder / name).stat().st_size:
            raise ToolError(
                f"{packer.name} {tools.version(packer)} ended well but wrote no bitstream of "
                f"{route.top}; its log is in {log}"
            )

    return cache.cached(key, build) / name
