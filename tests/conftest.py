"""What every test process needs."""

import gc
import signal

import pytest


def pytest_configure():
    """Let Ctrl-C mean what it does in a terminal.

    A suite that is started in the background inherits an ignored SIGINT and hands it on to every
    program that the tests start and interrupt.
    """
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture
def one_thread():
    """Small tensors: more threads are slower, and very slow on a busy machine."""
    import torch  # most tests do without

    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


def pytest_collection_finish():
    """What was loaded stays: it is not looked through again and again for garbage."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(200_000, 20, 20)
