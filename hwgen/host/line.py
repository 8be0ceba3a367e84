"""The serial line to a board, as whole bodies out and in."""

__all__ = ["Line"]

from typing import Any

from hwgen.errors import BoardError, ToolError, bring
from hwgen.host.framing import Unframer, frame


class Line:
    """A serial line with frames on it.

    Attributes
    ----------
    port : its name
    """

    def __init__(self, port: str, baud: int, timeout: float):
        """Open it; what is still on its way is thrown away.

        Parameters
        ----------
        port : a device such as /dev/ttyUSB1 or COM5, or what else pyserial takes for one
        baud : bits a second
        timeout : seconds that a write may take

        Raises
        ------
        BoardError : it cannot be opened
        ToolError : pyserial is missing
        """
        try:
            import serial
        except ModuleNotFoundError as error:
            raise ToolError(f"Python package pyserial is missing; {bring('host')}") from error
        self.port = port
        self._errors = (serial.SerialException, OSError, TypeError)  # TypeError: it was closed
        self._unframer = Unframer()
        try:
            self._serial: Any = serial.serial_for_url(
                port, baudrate=baud, write_timeout=timeout, exclusive=True
            )
            self._serial.reset_input_buffer()
        except (serial.SerialException, OSError, ValueError) as error:
            raise BoardError(
                f"Port {port} cannot be opened ({error}); is the board connected, is this its "
                "port, and does nobody else use it?"
            ) from error

    @property
    def damaged(self) -> int:
        """Frames that arrived damaged so far."""
        return self._unframer.damaged

    def send(self, body: bytes) -> None:
        """Send a body."""
        try:
            self._serial.write(frame(body))
        except self._errors as error:
            raise self._gone(error) from error

    def receive(self, seconds: float) -> list[bytes]:
        """Return what bodies have come, after waiting so long for a first byte."""
        try:
            self._serial.timeout = seconds
            data = self._serial.read(1)
            return self._unframer.feed(data + self._serial.read(self._serial.in_waiting))
        except self._errors as error:
            raise self._gone(error) from error

    def _gone(self, error: Exception) -> BoardError:
        return BoardError(
            f"Port {self.port} is gone or does not take anything any more ({error}); connect the "
            "board again and open a new Accelerator"
        )

    def close(self) -> None:
        """Let others have the port."""
        self._serial.close()
