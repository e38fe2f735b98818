"""The fake server as a process that dies: what a client sees of it."""

import contextlib
import socket
import threading
import time

from tasks.engines.fake_server import serving


def test_stopped_server_leaves_no_connection_open():
    """Not even one that it accepted in the moment it stopped: a client would wait for its whole time limit."""
    for _ in range(10):
        with serving() as running:
            stopped, clients = threading.Event(), []

            def connect(port=running.port, stopped=stopped, clients=clients):
                while not stopped.is_set():
                    with contextlib.suppress(OSError):
                        clients.append(socket.create_connection(("127.0.0.1", port), timeout=5))

            thread = threading.Thread(target=connect, daemon=True)
            thread.start()
            while len(clients) < 20:
                time.sleep(0.001)
            running.stop()
            stopped.set()
            thread.join()
            for client in clients:
                with client, contextlib.suppress(ConnectionError):
                    assert client.recv(1) == b""
