"""Linear algebra on one thread, however many heads are fitted at the same time."""

import functools

from threadpoolctl import ThreadpoolController


@functools.cache
def _controller() -> ThreadpoolController:
    return ThreadpoolController()


def one_thread() -> None:
    """Hold BLAS to one thread, from now on and for the whole process.

    The number of threads decides the last bits of a sum, and it is one number for the process: lifted and set again by
    threads that fit heads at the same time, it would make scores a matter of chance; and OpenBLAS doesn't let a thread
    other than the first raise it again. On small products a second thread mostly waits for its turn anyway, and where
    other processes keep the cores busy it waits so long that a fit of a second takes minutes.
    """
    _controller().limit(limits=1, user_api="blas")
