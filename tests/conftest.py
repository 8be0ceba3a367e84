"""What every test process needs."""

import signal


def pytest_configure():
    """Let Ctrl-C mean what it does in a terminal.

    A suite that is started in the background inherits an ignored SIGINT and hands it on to every
    program that the tests start and interrupt.
    """
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)
