"""OpenStack Swift with its S3 API, from Debian's packages: a node of its own in a folder, one copy of everything.

Not moto's server over again: another implementation, whose answers differ where the protocol leaves room, or is young.
"""

import getpass
import http.client
import os
import shutil
import subprocess
import time
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from pathlib import Path

from tests.soak.postgres import free_port
from tests.stores import servers

PACKAGES = ("swift", "swift-account", "swift-container", "swift-object", "swift-proxy")
# A listing hands out few keys at a time, so that a test's few take several pages.
PAGE = 7
# The user `tilth:test` of tempauth; Swift's own default is the one region that it takes.
ENVIRONMENT = {
    **servers.ENVIRONMENT,
    "AWS_ACCESS_KEY_ID": "tilth:test",
    "AWS_SECRET_ACCESS_KEY": "testing",
    "AWS_DEFAULT_REGION": "us-east-1",
    "AWS_REGION": "us-east-1",
}
_NODES = ("account", "container", "object")
_PROGRAMS = ("swift-ring-builder", *(f"swift-{kind}-server" for kind in (*_NODES, "proxy")))
_READY_S = 60.0
_RINGS = """
[swift-hash]
swift_hash_path_suffix = tilth
[storage-policy:0]
name = only
default = yes
"""
# A busy machine is not a broken one: Swift gives a connection half a second, and forgets a node that failed ten times.
_COMMON = """
[DEFAULT]
bind_ip = 127.0.0.1
bind_port = {port}
swift_dir = {folder}
user = {user}
workers = 0
conn_timeout = 10
node_timeout = 60
"""
# Nothing replicates, updates or audits beside them: what a put has not told the listing, nobody tells it later.
_NODE = """
devices = {folder}/devices
mount_check = false
disable_fallocate = true
container_update_timeout = 60
[pipeline:main]
pipeline = {kind}-server
[app:{kind}-server]
use = egg:swift#{kind}
"""
_FILTERS: Mapping[str, str] = {
    **dict.fromkeys(("catch_errors", "gatekeeper", "healthcheck", "listing_formats"), ""),
    # tempauth insists on a cache, and does without what is in it: nobody listens there.
    "memcache": "memcache_servers = 127.0.0.1:1",
    "s3api": f"max_bucket_listing = {PAGE}",
    "tempauth": "user_tilth_test = testing .admin",
    **dict.fromkeys(("copy", "bulk", "slo", "dlo", "versioned_writes"), ""),
}
_PROXY = f"""
[pipeline:main]
pipeline = {" ".join(_FILTERS)} proxy-server
[app:proxy-server]
use = egg:swift#proxy
account_autocreate = true
conn_timeout = 10
node_timeout = 60
error_suppression_limit = 10000
""" + "".join(f"[filter:{name}]\nuse = egg:swift#{name}\n{setting}\n" for name, setting in _FILTERS.items())


def missing(folder: Path) -> str:
    """Return what keeps Swift from running here, in words; empty where nothing does."""
    if absent := [name for name in _PROGRAMS if shutil.which(name) is None]:
        return f"Swift is not installed ({', '.join(absent)}): apt-get install {' '.join(PACKAGES)}"
    try:
        os.setxattr(folder, "user.tilth", b"1")
    except OSError as exc:
        return f"Swift needs extended attributes, which the file system of {folder} has not: {exc.strerror}"
    return ""


@contextmanager
def swift(folder: Path) -> Iterator[str]:
    """Start Swift with its files in an empty folder; hand out the URL of its S3 API."""
    ports = {kind: free_port() for kind in (*_NODES, "proxy")}
    _configure(folder, ports)
    with ThreadPoolExecutor(len(_NODES)) as pool:
        list(pool.map(lambda kind: _ring(folder, kind, ports[kind]), _NODES))
    with ExitStack() as stack:
        running = {kind: stack.enter_context(_server(folder, kind)) for kind in ports}
        deadline = time.monotonic() + _READY_S
        for kind, port in ports.items():
            while not _answers(port):
                if running[kind].poll() is not None or time.monotonic() > deadline:
                    raise RuntimeError(f"swift-{kind}-server: {(folder / f'{kind}.log').read_text()[-2000:]}")
                time.sleep(0.05)
        yield f"http://127.0.0.1:{ports['proxy']}"


def _configure(folder: Path, ports: Mapping[str, int]) -> None:
    (folder / "devices" / "disk").mkdir(parents=True)
    (folder / "swift.conf").write_text(_RINGS)
    for kind, port in ports.items():
        text = _COMMON + (_PROXY if kind == "proxy" else _NODE)
        (folder / f"{kind}.conf").write_text(
            text.format(folder=folder, kind=kind, port=port, user=getpass.getuser()), encoding="utf-8"
        )


def _ring(folder: Path, kind: str, port: int) -> None:
    """Say where the things of a kind lie: four partitions, one copy of each, all on the one disk."""
    for words in (["create", "2", "1", "0"], ["add", f"r1z1-127.0.0.1:{port}/disk", "1"], ["rebalance"]):
        command = ["swift-ring-builder", f"{kind}.builder", *words]
        subprocess.run(command, cwd=folder, check=True, capture_output=True, timeout=_READY_S)


@contextmanager
def _server(folder: Path, kind: str) -> Iterator[subprocess.Popen]:
    command = [f"swift-{kind}-server", f"{kind}.conf", "-v"]
    with (folder / f"{kind}.log").open("wb") as log:
        server = subprocess.Popen(command, cwd=folder, stdout=log, stderr=log, stdin=subprocess.DEVNULL)
    try:
        yield server
    finally:
        server.kill()
        server.wait()


def _answers(port: int) -> bool:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
    try:
        connection.request("GET", "/healthcheck")
        connection.getresponse()
    except OSError:
        return False
    finally:
        connection.close()
    return True
