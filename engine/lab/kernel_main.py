"""The program of the program's own kernel: ipykernel's, without the TCP port that it opens for the output of forked
processes. They send it through a Unix socket beside the kernel's other ones.

It runs as a script, in the document's folder, and imports nothing of the program: whatever modules lie in that folder,
or beside this file, are nobody's business before the person's own code runs.
"""

import os
import sys
from pathlib import Path
from typing import Any

sys.path.pop(0)  # this file's folder

import zmq
from ipykernel.iostream import IOPubThread
from ipykernel.kernelapp import IPKernelApp
from zmq.eventloop.zmqstream import ZMQStream

LINGER_MS = 3000  # that a forked process waits for its last output to be taken


def main() -> None:
    connection_file = Path(sys.argv[sys.argv.index("-f") + 1])
    place = f"ipc://{connection_file.with_name('pipe')}"

    def setup_in(thread: Any) -> None:
        thread._pipe_uuid = os.urandom(16)
        pipe = thread.socket.context.socket(zmq.PULL)
        pipe.linger = 0
        pipe.bind(place)
        thread._pipe_in = ZMQStream(pipe, thread.io_loop)
        thread._pipe_in.on_recv(thread._handle_pipe_msg)

    def setup_out(thread: Any) -> tuple[Any, Any]:
        context = zmq.Context()
        pipe = context.socket(zmq.PUSH)
        pipe.linger = LINGER_MS
        pipe.connect(place)
        return context, pipe

    IOPubThread._setup_pipe_in = setup_in  # type: ignore[method-assign]
    IOPubThread._setup_pipe_out = setup_out  # type: ignore[method-assign]
    IPKernelApp.launch_instance()


if __name__ == "__main__":
    main()
