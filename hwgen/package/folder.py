"""A package's folder and its manifest: where what the manifest names lies."""

__all__ = ["PackageFolder", "read_package"]

from dataclasses import dataclass
from pathlib import Path

from hwgen.package.manifest import Manifest, read_manifest


@dataclass(frozen=True)
class PackageFolder:
    """A package that is there.

    Attributes
    ----------
    folder : its place
    manifest : all that is known of it
    """

    folder: Path
    manifest: Manifest

    @property
    def verilog(self) -> Path:
        """The design."""
        return self.folder / self.manifest.verilog

    @property
    def primitives(self) -> tuple[Path, ...]:
        """Models of the device's cells that the design instantiates."""
        return tuple(self.folder / name for name in self.manifest.primitives)

    @property
    def network(self) -> Path:
        """What the design computes."""
        return self.folder / self.manifest.network


def read_package(folder: str | Path) -> PackageFolder:
    """Return the package in a folder.

    Raises
    ------
    StoreError : the folder is not a package, a damaged one, or one of another version
    """
    folder = Path(folder)
    return PackageFolder(folder, read_manifest(folder))
