"""What `up` and `down` decide before and without a server: addresses, ports, drivers, processes that are ours."""

import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

from deployments.server import environment, stamp
from deployments.server.__main__ import main
from deployments.server.environment import Place
from deployments.server.processes import Program, last_line, running, start, stop
from flows.places import Folders, make_folders
from tasks.core.errors import UserError
from tasks.core.settings import settings
from tests.integration.machine import children

WAITS = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('up', flush=True); time.sleep(600)"
RECIPES = environment.ROOT / "deployments" / "recipes"


@pytest.fixture(autouse=True)
def home(tmp_path, monkeypatch):
    """A home of the test's own, and an environment that names no server, database or broker."""
    for name in [name for name in os.environ if name.startswith(("TILTH_", "PREFECT_"))]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("TILTH_HOME", str(tmp_path / "home"))
    settings.cache_clear()
    yield tmp_path / "home" / "server"
    settings.cache_clear()


@pytest.fixture
def taken():
    """A port that something listens on."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        yield listener.getsockname()[1]


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (["--host", "0.0.0.0"], "TILTH_API_KEY"),  # noqa: S104  what is refused
        (["--host", "192.0.2.1"], "TILTH_API_KEY"),
        (["--host", "example.org"], "neither an IP address nor localhost"),
        (["--port", "70000"], "outside 1..65535"),
    ],
    ids=["all-addresses", "other-address", "name", "port"],
)
def test_up_refuses_a_place_in_one_line_and_starts_nothing(given, said, capsys, home):
    assert main(["up", *given]) == 2
    err = capsys.readouterr().err
    assert said in err
    assert err.count("\n") == 1
    assert not home.exists()


def test_up_on_a_port_that_is_taken_says_so_and_starts_nothing(taken, capsys, home):
    assert main(["up", "--port", str(taken)]) == 2
    assert f"cannot listen on 127.0.0.1:{taken}" in capsys.readouterr().err
    assert not home.exists()


@pytest.mark.parametrize(
    ("setting", "said"),
    [
        ({"TILTH_DATABASE_URL": "mysql://host/name"}, "is not PostgreSQL"),
        ({"TILTH_DATABASE_URL": "tilth.db"}, "is not PostgreSQL"),
        ({"TILTH_PORT": "http"}, "TILTH_PORT 'http' is not a port"),
    ],
    ids=["mysql", "no-url", "port"],
)
def test_up_refuses_settings_in_one_line(setting, said, capsys, monkeypatch, home):
    for name, value in setting.items():
        monkeypatch.setenv(name, value)
    assert main(["up"]) == 2
    assert said in capsys.readouterr().err
    assert not home.exists()


def test_password_of_a_wrong_database_url_is_not_said(monkeypatch):
    with pytest.raises(UserError, match=r"mysql://…") as raised:
        environment.database_url("mysql://me:secret@host/name")
    assert "secret" not in str(raised.value)


def test_missing_driver_is_named_with_its_remedy(monkeypatch):
    monkeypatch.setattr("importlib.util.find_spec", lambda _name: None)
    with pytest.raises(UserError, match=r"TILTH_REDIS_URL is set and prefect_redis is not installed: pip install"):
        environment.check_services({"TILTH_REDIS_URL": "redis://127.0.0.1"})


@pytest.mark.parametrize(
    ("place", "url"),
    [
        (Place(), "http://127.0.0.1:4200/api"),
        (Place("0.0.0.0", 80), "http://127.0.0.1:80/api"),  # noqa: S104  written as a URL only
        (Place("::1", 4201), "http://[::1]:4201/api"),
        (Place("localhost", 1), "http://localhost:1/api"),
    ],
    ids=["default", "all", "ipv6", "name"],
)
def test_address_of_the_api(place, url):
    assert place.api == url


def test_key_and_databases_reach_the_programs_that_need_them():
    """Server and clients share the key; PostgreSQL and Redis are the server's; the browser's address is relative."""
    given = {
        "TILTH_API_KEY": "a:b",
        "TILTH_DATABASE_URL": "postgresql://u:p@h/n",
        "TILTH_REDIS_URL": "redis://h:1/0",
    }
    server = environment.server(Place("0.0.0.0"), given)  # noqa: S104  what a key is for
    assert server["PREFECT_SERVER_API_AUTH_STRING"] == "a:b"
    assert environment.worker(Place(), given)["PREFECT_API_AUTH_STRING"] == "a:b"
    assert server["PREFECT_API_DATABASE_CONNECTION_URL"] == "postgresql+asyncpg://u:p@h/n"
    assert server["PREFECT_REDIS_MESSAGING_URL"] == "redis://h:1/0"
    assert server["PREFECT_UI_API_URL"] == "/api"
    assert environment.server(Place(), {})["PREFECT_UI_API_URL"] == "http://127.0.0.1:4200/api"


def test_prefect_knows_every_setting_that_is_given_to_it():
    """A misspelt variable would be ignored without a word: each must be one of Prefect's, or of prefect-redis."""
    from prefect.settings.legacy import _get_settings_fields
    from prefect.settings.models.root import Settings

    pytest.importorskip("prefect_redis")
    known = set(_get_settings_fields(Settings))
    from pydantic import AliasChoices
    from pydantic_settings import BaseSettings

    def aliases(model):
        for field in model.model_fields.values():
            if isinstance(field.validation_alias, AliasChoices):
                yield from (str(choice).upper() for choice in field.validation_alias.choices)
            if isinstance(field.annotation, type) and issubclass(field.annotation, BaseSettings):
                yield from aliases(field.annotation)

    known |= set(aliases(Settings)) | {"PREFECT_REDIS_MESSAGING_URL", "PREFECT_HOME"}
    given = {**environment.server(Place(), {"TILTH_REDIS_URL": "redis://h"}), **environment.worker(Place())}
    assert {name for name in given if name.startswith("PREFECT_")} <= known


@pytest.fixture
def program(home):
    """A program that ignores SIGTERM and has a child, stopped at the end."""
    code = f"import subprocess, sys; subprocess.Popen([sys.executable, '-c', {WAITS!r}]); exec({WAITS!r})"
    yield Program("sleeper", [sys.executable, "-c", code], {})
    stop("sleeper", home)


def test_program_is_started_once_and_stopped_with_its_children(program, home, monkeypatch):
    """The second start finds the first; the stop, refused with SIGTERM, ends it and what it started."""
    monkeypatch.setattr("deployments.server.processes._STOP_S", 1.0)
    pid = start(program, home)
    deadline = time.monotonic() + 20
    while not children(pid) and time.monotonic() < deadline:
        time.sleep(0.05)
    (child,) = children(pid)
    assert start(program, home) == pid
    assert stop("sleeper", home)
    assert running("sleeper", home) is None
    deadline = time.monotonic() + 10
    while _lives(child) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not _lives(child)
    assert not stop("sleeper", home)


def _lives(pid):
    try:
        return ") Z " not in Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return False


def test_pid_of_another_program_is_not_ours(program, home):
    """A pid file that a reboot left behind names a process that began at another time: it is left alone."""
    with subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"]) as other:
        home.mkdir(parents=True)
        (home / "sleeper.pid").write_text(f"{other.pid} 12345")
        assert running("sleeper", home) is None
        assert not stop("sleeper", home)
        assert other.poll() is None
        other.send_signal(signal.SIGKILL)


def test_program_that_ended_leaves_its_last_line(home):
    start(Program("brief", [sys.executable, "-c", "print('one'); print('no such pool')"], {}), home)
    deadline = time.monotonic() + 20
    while (running("brief", home) or not last_line("brief", home)) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert running("brief", home) is None
    assert last_line("brief", home) == "no such pool"


def test_status_says_what_does_not_run(capsys):
    assert main(["status"]) == 1
    assert capsys.readouterr().out.count("not running") == 4


@pytest.mark.parametrize("words", [["schedules"], ["schedules", "maybe"], ["run"], ["start"]], ids=" ".join)
def test_wrong_words_are_told_the_right_ones(words, capsys):
    with pytest.raises(SystemExit, match="2"):
        main(words)
    assert "usage:" in capsys.readouterr().err


def test_stamp_changes_with_place_and_database(home):
    """What was deployed to one server is not what is deployed to another."""
    home.mkdir(parents=True)
    assert not stamp.deployed(Place(), "")
    stamp.remember_deployed(Place(), "")
    assert stamp.deployed(Place(), "")
    assert not stamp.deployed(Place(port=4201), "")
    assert not stamp.deployed(Place(), "postgresql://h/n")


def test_up_with_a_landing_file_that_is_wrong_says_so_and_starts_nothing(tmp_path, capsys, monkeypatch, home):
    """TILTH_LANDING names the file: one line with what is wrong in it, before there is a process."""
    file = tmp_path / "landing.yaml"
    file.write_text("sources: {folder: {path: landing}}\nroute: []\n")
    monkeypatch.setenv("TILTH_LANDING", str(file))
    settings.cache_clear()
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    assert main(["up", "--port", str(port)]) == 2
    err = capsys.readouterr().err
    assert "landing.yaml" in err
    assert "route" in err
    assert err.count("\n") == 1
    assert not home.exists()


def test_folders_of_the_machine_are_made_where_its_landing_file_has_them(tmp_path, monkeypatch):
    """Sources that are folders, not buckets; relative to the file."""
    (tmp_path / "in").mkdir()
    value = (
        Path("deployments/landing.yaml").read_text().replace("../landing", "drop/here").replace("../releases", "out")
    )
    file = tmp_path / "in" / "landing.yaml"
    file.write_text(value.replace("recipes/landed.yaml", str(Path("deployments/recipes/landed.yaml").resolve())))
    monkeypatch.setenv("TILTH_LANDING", str(file))
    settings.cache_clear()
    made = make_folders(environment.ROOT)
    assert made == Folders((tmp_path / "in/drop/here",), tmp_path / "in/out")
    assert (tmp_path / "in/drop/here").is_dir()
