"""From a tree of components to one module each, in Yosys' RTLIL.

Amaranth names the ports of an inner module after whatever signal happens to drive them. Converted
one by one, every component becomes a module whose ports are those of its signature, and whose
parent's wires are called `INSTANCE__PORT`.
"""

__all__ = ["HardwareModule", "Port", "split"]

import gc
import re
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from itertools import count

from amaranth.back import rtlil
from amaranth.hdl import (
    ClockSignal,
    Const,
    Elaboratable,
    Fragment,
    Instance,
    ResetSignal,
    Signal,
    Value,
)
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from hwgen.codegen.names import free_name, is_plain, plain_name
from hwgen.errors import InternalError
from hwgen.primitives import Cells
from hwgen.progress import Progress
from hwgen_rtl_templates.adder_row import AdderRow

_INPUT = re.compile(r"^  wire width \d+ (?:signed )?input \d+ +(?:signed )?\\(\S+)$", re.MULTILINE)
_WIRE = re.compile(r"^  wire .*\\(\S+)$", re.MULTILINE)
_WORD = re.compile(r"\\(\S+)")
_MODULE = re.compile(r"^module \\(\S+)$", re.MULTILINE)
_CELL = re.compile(r"^  cell \\(\S+) .*\n((?:    .*\n)*)", re.MULTILINE)
_PARAMETER = re.compile(r"^    parameter (?:\w+ )?\\(\S+) ", re.MULTILINE)
_DOMAIN = {"clk": ClockSignal, "rst": ResetSignal}  # ports that the clock domain adds


@dataclass(frozen=True)
class Port:
    """A port of a module.

    name : in Verilog
    output : whether the module drives it
    value : the signal behind it
    """

    name: str
    output: bool
    value: Value


@dataclass(frozen=True, eq=False)
class HardwareModule:
    """A component that became a module.

    name : of the module
    path : instances from the top module down to it
    component : what it was made from
    ports : names of its ports, clock and reset first
    rtlil : the module, Yosys' text
    primitives : types of the device's cells that it instantiates, each with its parameters
    plain : the same without such cells, under a name of its own, where simulation takes that
    """

    name: str
    path: tuple[str, ...]
    component: object
    ports: tuple[str, ...]
    rtlil: str
    primitives: Cells
    plain: "HardwareModule | None" = None


def split(
    component: wiring.Component, name: str, progress: Progress | None = None
) -> tuple[HardwareModule, ...]:
    """Return the modules of a component and all below it, each before those inside it.

    The component itself becomes module `name`; those below are called `NAME__INSTANCE__INSTANCE`,
    after where they stand, with a number behind where two would have the same name. No name that
    `safe_names` makes holds two underscores, so no package's modules are another's.

    Parameters
    ----------
    progress : called with (instance, instances begun, instances)
    """
    with _uncollected():
        return _split(component, name, progress)


@contextmanager
def _uncollected() -> Iterator[None]:
    """Leave the garbage where it is, meanwhile: Amaranth makes millions of objects that stay, and
    looking through all of them again and again takes longer than all the rest."""
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()


def _split(
    component: wiring.Component, name: str, progress: Progress | None
) -> tuple[HardwareModule, ...]:
    fragment = Fragment.get(component, None)
    paths = _paths(fragment)
    names: dict[tuple[str, ...], str] = {}
    taken: set[str] = set()
    for path in sorted(paths, key=len):  # shallow first: a layer's own name stays as it is
        names[path] = free_name("__".join((name, *path)), taken)
        taken.add(names[path].lower())
    made: dict[tuple[str, ...], HardwareModule] = {}
    numbers = count()

    def begin(path: tuple[str, ...]) -> None:
        if progress:
            progress("/".join(path), next(numbers), len(paths))

    _convert(fragment, component, (), names, made, {}, begin)
    return tuple(made[path] for path in paths if path in made)


def _component(fragment: Fragment) -> wiring.Component | None:
    """Return the component that a fragment was elaborated from; None for a memory or instance."""
    if type(fragment) is not Fragment:
        return None
    found = (origin for origin in fragment.origins or () if isinstance(origin, wiring.Component))
    return next(found, None)


def _paths(fragment: Fragment, path: tuple[str, ...] = ()) -> list[tuple[str, ...]]:
    """Return the instance path of every component, each before those inside it."""
    paths = [path]
    for child, name, _ in fragment.subfragments:
        if _component(child) is not None:
            paths += _paths(child, (*path, name))
    return paths


def _ports(component: wiring.Component) -> list[Port]:
    ports = []
    for path, member, value in component.signature.flatten(component):
        cast = Value.cast(value)
        if not isinstance(cast, Const) and len(cast):  # `always_ready` and empty payloads
            output = member.flow == wiring.Out
            ports.append(Port("__".join(map(str, path)), output, cast))
    return ports


def _plain_wires(text: str) -> str:
    """Return a module whose wires have names that Verilog need not escape."""
    wires = _WIRE.findall(text)
    plain = {wire for wire in wires if is_plain(wire)}
    used = {wire.lower() for wire in plain}
    renamed: dict[str, str] = {}
    for wire in wires:
        if wire not in plain:
            renamed[wire] = free_name(plain_name(wire), used)
            used.add(renamed[wire].lower())
    return _WORD.sub(lambda match: f"\\{renamed.get(match[1], match[1])}", text)


def _primitives(text: str, modules: Collection[str]) -> Cells:
    """Return the types of the cells in a module that are neither modules nor yosys' own."""
    found: dict[str, set[str]] = {}
    for cell, body in _CELL.findall(text):
        if cell not in modules:
            found.setdefault(cell, set()).update(_PARAMETER.findall(body))
    return found


class _Shell(Elaboratable):
    """A fragment with the ports it shall have, as Amaranth's converter wants them."""

    def __init__(self, fragment: Fragment, ports: list[Port]):
        self._fragment = fragment
        self.signature = wiring.Signature(
            {port.name: (Out if port.output else In)(len(port.value)) for port in ports}
        )
        for port in ports:
            setattr(self, port.name, port.value)

    def elaborate(self, platform: object) -> Fragment:
        return self._fragment


def _convert(
    fragment: Fragment,
    component: wiring.Component,
    path: tuple[str, ...],
    names: dict[tuple[str, ...], str],
    made: dict[tuple[str, ...], HardwareModule],
    shared: dict[object, HardwareModule],
    begin: Callable[[tuple[str, ...]], None],
) -> Instance:
    """Convert what is inside, then the fragment; return what stands for it in its parent.

    begin : called with the path of each component, before it is converted
    """
    begin(path)
    ports = _ports(component)
    # hundreds of adders are alike, and share a module
    shares = getattr(component, "alike", False)
    alike = (type(component), component.parameters) if shares else None
    if alike in shared:
        return _instance(shared[alike], ports)
    for index, (child, name, place) in enumerate(fragment.subfragments):
        inner = _component(child)
        if inner is None:
            continue
        instance = _convert(child, inner, (*path, name), names, made, shared, begin)
        fragment.subfragments[index] = (instance, name, place)
        for port in _ports(inner):
            if isinstance(port.value, Signal):
                port.value.name = f"{name}__{port.name}"
    module = _module(fragment, component, path, names[path], names.values())
    if alike:
        if module.primitives:
            module = replace(module, plain=_plain_view(component, path, names))
        shared[alike] = module
    made[path] = module
    return _instance(module, ports)


def _module(
    fragment: Fragment,
    component: wiring.Component,
    path: tuple[str, ...],
    name: str,
    modules: Collection[str],
) -> HardwareModule:
    """Return a fragment as a module, with the ports of its component."""
    ports = _ports(component)
    text = rtlil.convert(_Shell(fragment, ports), name=name, emit_src=False)
    own = {port.name for port in ports}
    domain = sorted(set(_INPUT.findall(text)) - own)
    if not set(domain) <= set(_DOMAIN):
        raise InternalError(f"{name}: clock domain must be sync alone, not {domain}")
    order = (*domain, *(port.name for port in ports))
    primitives = _primitives(text, {*modules, *_MODULE.findall(text)})
    return HardwareModule(name, path, component, order, _plain_wires(text), primitives)


def _plain_view(
    component: AdderRow, path: tuple[str, ...], names: Mapping[tuple[str, ...], str]
) -> HardwareModule:
    """Return the adders of a row of cells as additions, which simulate many times as fast."""
    view = AdderRow(component.parameters)
    name = free_name(f"{names[path]}_plain", {other.lower() for other in names.values()})
    return _module(Fragment.get(view, None), view, path, name, names.values())


def _instance(module: HardwareModule, ports: list[Port]) -> Instance:
    """Return an instance of a module, its ports connected to their values."""
    return Instance(
        module.name,
        *(("i", port, _DOMAIN[port]()) for port in module.ports if port in _DOMAIN),
        *(("o" if port.output else "i", port.name, port.value) for port in ports),
    )
