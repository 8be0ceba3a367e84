"""What vendors' tools take of a package: IP-XACT, a script for Vivado, one for Platform Designer.

Written after IEEE 1685-2009, and Xilinx UG1118 and Intel's Platform Designer user guide; none of
these tools is needed to make them, and none was there to try them.
"""

__all__ = ["Interface", "interfaces_of", "port_attributes", "vendor_files"]

import xml.etree.ElementTree as ElementTree
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import groupby

from hwgen.package.border import Port
from hwgen.package.border_kind import BorderKind
from hwgen.package.manifest import Manifest

SPIRIT = "http://www.spiritconsortium.org/XMLSchema/SPIRIT/1685-2009"
VENDOR, LIBRARY, VERSION = "hwgen", "generated", "1.0"
FOLDER = "vendor"
# of each kind of interface: what Vivado calls its bus, and Platform Designer its type
_VIVADO = {"axis": "interface:axis", "axi4": "interface:aximm", "axi4lite": "interface:aximm"}
_DESIGNER = {"axis": "axi4stream", "axi4": "axi4", "axi4lite": "axi4lite", "wishbone": "conduit"}


@dataclass(frozen=True)
class Interface:
    """Ports of the top module that are one interface.

    Attributes
    ----------
    name : what the names of its ports begin with
    kind : "axis", "axi4", "axi4lite" or "wishbone"
    serves : whether it is the target, subordinate or receiver
    ports : by the signal's name
    """

    name: str
    kind: str
    serves: bool
    ports: Mapping[str, Port]


def interfaces_of(manifest: Manifest) -> tuple[Interface, ...]:
    """Return the interfaces of the top module, clock, reset and single signals aside."""
    border = manifest.border
    if border.kind == BorderKind.AXIS:
        return tuple(
            Interface(
                of.payload.name.removesuffix("_tdata"),
                "axis",
                of.payload.enters,
                {port.name.rpartition("_")[2]: port for port in of.ports},
            )
            for of in (*border.inputs, *border.outputs)
        )
    kinds = {"s_axi": "axi4lite", "m_axi": "axi4", "s_wb": "wishbone", "m_wb": "wishbone"}
    buses = [port for port in border.others if port.name.count("_") > 1]
    grouped = groupby(buses, lambda port: "_".join(port.name.split("_", 2)[:2]))
    return tuple(
        Interface(
            name,
            kinds[name],
            name.startswith("s_"),
            {port.name.removeprefix(f"{name}_"): port for port in ports},
        )
        for name, ports in grouped
    )


def port_attributes(manifest: Manifest) -> dict[str, str]:
    """Return the attribute of each port that Vivado's inference by names does not get right."""
    border = manifest.border
    names = [each.name for each in interfaces_of(manifest) if each.kind in _VIVADO]
    level = manifest.reset_level.upper()
    info = 'X_INTERFACE_INFO = "xilinx.com:signal:{0}:1.0 {1} {2}", X_INTERFACE_PARAMETER = "{3}"'
    clock, reset = border.clock.name, border.reset.name
    buses = f"ASSOCIATED_BUSIF {':'.join(names)}, " if names else ""
    made = {
        clock: info.format(
            "clock",
            clock,
            "CLK",
            f"{buses}ASSOCIATED_RESET {reset}",
        ),
        reset: info.format("reset", reset, "RST", f"POLARITY ACTIVE_{level}"),
    }
    if any(port.name == "irq" for port in border.others):
        made["irq"] = info.format("interrupt", "irq", "INTERRUPT", "SENSITIVITY LEVEL_HIGH")
    return made


def vendor_files(manifest: Manifest, memory_maps: str = "") -> dict[str, tuple[str, str]]:
    """Return each file: its path in the package, text, and purpose.

    Parameters
    ----------
    memory_maps : of the registers, IP-XACT of IEEE 1685-2009; empty without registers
    """
    top, component = manifest.top, _component(manifest, memory_maps)
    return {
        f"{FOLDER}/component.xml": (component, "the package as IP-XACT, IEEE 1685-2009"),
        f"{FOLDER}/package_ip.tcl": (_vivado(manifest), "for Vivado: makes an IP of the package"),
        f"{FOLDER}/{top}_hw.tcl": (_designer(manifest), "for Quartus' Platform Designer"),
    }


def _tag(name: str) -> str:
    return f"{{{SPIRIT}}}{name}"


def _add(parent: ElementTree.Element, name: str, text: object = None) -> ElementTree.Element:
    made = ElementTree.SubElement(parent, _tag(name))
    made.text = None if text is None else str(text)
    return made


def _named(parent: ElementTree.Element, tag: str, vlnv: tuple[str, str, str, str]) -> None:
    made = _add(parent, tag)
    for name, value in zip(("vendor", "library", "name", "version"), vlnv, strict=True):
        made.set(_tag(name), value)


def _interface(parent: ElementTree.Element, each: Interface, memory_map: str) -> None:
    """Say what an interface is, and which memory map is behind one that serves."""
    if each.kind not in _VIVADO:
        return
    library, _, bus = _VIVADO[each.kind].partition(":")
    made = _add(parent, "busInterface")
    _add(made, "name", each.name)
    _named(made, "busType", ("xilinx.com", library, bus, "1.0"))
    _named(made, "abstractionType", ("xilinx.com", library, f"{bus}_rtl", "1.0"))
    role = _add(made, "slave" if each.serves else "master")
    if each.serves and memory_map:
        _add(role, "memoryMapRef").set(_tag("memoryMapRef"), memory_map)
    maps = _add(made, "portMaps")
    for signal, port in each.ports.items():
        pair = _add(maps, "portMap")
        _add(_add(pair, "logicalPort"), "name", signal.upper())
        _add(_add(pair, "physicalPort"), "name", port.name)


def _port(parent: ElementTree.Element, port: Port) -> None:
    made = _add(parent, "port")
    _add(made, "name", port.name)
    wire = _add(made, "wire")
    _add(wire, "direction", port.direction)
    if port.bits > 1:
        vector = _add(wire, "vector")
        _add(vector, "left", port.bits - 1)
        _add(vector, "right", 0)


def _component(manifest: Manifest, memory_maps: str) -> str:
    ElementTree.register_namespace("spirit", SPIRIT)
    component = ElementTree.Element(_tag("component"))
    identity = (VENDOR, LIBRARY, manifest.top, VERSION)
    for name, value in zip(("vendor", "library", "name", "version"), identity, strict=True):
        _add(component, name, value)
    interfaces = [each for each in interfaces_of(manifest) if each.kind in _VIVADO]
    if interfaces:
        parent = _add(component, "busInterfaces")
        for each in interfaces:
            _interface(parent, each, f"{manifest.top}_regs_mmap" if memory_maps else "")
    if memory_maps:
        found = ElementTree.fromstring(memory_maps).find(_tag("memoryMaps"))
        assert found is not None
        component.append(found)
    model = _add(component, "model")
    view = _add(_add(model, "views"), "view")
    _add(view, "name", "verilog")
    _add(view, "envIdentifier", ":*:")
    _add(view, "language", "verilog")
    _add(view, "modelName", manifest.top)
    _add(_add(view, "fileSetRef"), "localName", "verilog")
    ports = _add(model, "ports")
    for port in manifest.border.ports:
        _port(ports, port)
    files = _add(_add(component, "fileSets"), "fileSet")
    _add(files, "name", "verilog")
    file = _add(files, "file")
    _add(file, "name", f"../{manifest.verilog}")
    _add(file, "fileType", "verilogSource")
    _add(component, "description", f"{manifest.top}, an accelerator made by hwgen")
    ElementTree.indent(component)
    return ElementTree.tostring(component, encoding="unicode", xml_declaration=True) + "\n"


def _vivado(manifest: Manifest) -> str:
    return f"""\
# Makes an IP of this package, in the folder ip beside it. In Vivado's shell:
#   vivado -mode batch -source package_ip.tcl
# Written after UG1118; hwgen has not run it, having no Vivado.
set here [file dirname [file normalize [info script]]]
create_project -force {manifest.top}_ip $here/../ip/project
add_files $here/../{manifest.verilog}
set_property top {manifest.top} [current_fileset]
ipx::package_project -root_dir $here/../ip -vendor {VENDOR} -library {LIBRARY} -taxonomy /UserIP \\
  -import_files
set core [ipx::current_core]
set_property name {manifest.top} $core
set_property version {VERSION} $core
ipx::create_xgui_files $core
ipx::update_checksums $core
ipx::save_core $core
close_project
"""


def _designer(manifest: Manifest) -> str:
    border, top = manifest.border, manifest.top
    level = "reset_n" if border.reset_low else "reset"
    lines = [
        f"# {top} for Platform Designer. Written after its user guide; hwgen has not run it,",
        "# having no Quartus.",
        "package require -exact qsys 16.1",
        f"set_module_property NAME {top}",
        f"set_module_property VERSION {VERSION}",
        "set_module_property GROUP hwgen",
        'set_module_property DESCRIPTION "accelerator made by hwgen"',
        'add_fileset synthesis QUARTUS_SYNTH "" ""',
        f"set_fileset_property synthesis TOP_LEVEL {top}",
        f"add_fileset_file {manifest.verilog} VERILOG PATH ../{manifest.verilog} TOP_LEVEL_FILE",
        "add_interface clock clock end",
        f"add_interface_port clock {border.clock.name} clk Input 1",
        "add_interface reset reset end",
        "set_interface_property reset associatedClock clock",
        f"add_interface_port reset {border.reset.name} {level} Input 1",
    ]
    interfaces = interfaces_of(manifest)
    for each in interfaces:
        lines += [
            f"add_interface {each.name} {_DESIGNER[each.kind]} {'end' if each.serves else 'start'}",
            f"set_interface_property {each.name} associatedClock clock",
            f"set_interface_property {each.name} associatedReset reset",
        ]
        lines += [_designer_port(each.name, signal, port) for signal, port in each.ports.items()]
    inside = {port.name for each in interfaces for port in each.ports.values()}
    for port in border.signals:
        if port.name in inside:
            continue
        if port.name == "irq":
            lines += [
                "add_interface irq interrupt end",
                "set_interface_property irq associatedClock clock",
                f"set_interface_property irq associatedAddressablePoint {interfaces[0].name}",
                _designer_port("irq", "irq", port),
            ]
        else:
            lines += [
                f"add_interface {port.name} conduit end",
                _designer_port(port.name, "export", port),
            ]
    return "\n".join(lines) + "\n"


def _designer_port(interface: str, signal: str, port: Port) -> str:
    way = "Input" if port.enters else "Output"
    return f"add_interface_port {interface} {port.name} {signal} {way} {port.bits}"
