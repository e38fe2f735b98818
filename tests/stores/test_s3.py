"""What a bucket has beyond a folder: uploads in parts, conditional puts, a cache, and errors of its own."""

import concurrent.futures
import pickle

import pytest

from tasks.core.errors import RecipeError, TransientError, UserError
from tasks.stores import _s3_calls, _s3_transfer
from tasks.stores.factory import forget_stores, is_s3, open_store
from tasks.stores.keys import checked, is_safe, s3_place, safe_name
from tasks.stores.s3 import S3Store
from tests.soak.postgres import free_port
from tests.stores.servers import FaultProxy, tell


@pytest.fixture
def store(bucket) -> S3Store:
    return open_store(f"s3://{bucket}/runs")


@pytest.fixture
def small_parts(monkeypatch) -> int:
    """Parts of 5 MiB, the least that S3 takes, so that a test's file has three."""
    monkeypatch.setattr(_s3_transfer, "PART_BYTES", 5 * 2**20)
    monkeypatch.setattr(_s3_transfer, "_WHOLE_BYTES", 5 * 2**20)
    return 5 * 2**20


def test_large_file_goes_and_comes_in_parts(store, small_parts, tmp_path):
    """Three parts, the last one short; whole and equal on another machine."""
    value = bytes(range(256)) * (12 * 2**12)
    with store.writing("big.bin") as path:
        path.write_bytes(value)
    assert store.found("big.bin").version.strip('"').endswith("-3")
    other = S3Store(store.url, tmp_path / "other machine")
    assert other.local("big.bin").read_bytes() == value
    assert list(store.uploads()) == []


def test_upload_that_fails_leaves_no_parts(store, small_parts, monkeypatch):
    """A part that cannot be read again ends the upload: nothing is visible, nothing is stored."""
    real = _s3_transfer._slice  # noqa: SLF001  the disk that fails while it is read

    def gone(source, start, size):
        if start:
            raise OSError("gone")
        return real(source, start, size)

    monkeypatch.setattr(_s3_transfer, "_slice", gone)
    with pytest.raises(OSError, match="gone"):
        store.write("big.bin", b"x" * (3 * small_parts))
    assert list(store.uploads()) == []
    assert list(store.list("")) == []


def test_upload_of_a_killed_process_can_be_taken_back(store):
    """It is listed with its age, and gone once aborted; aborting twice is fine."""
    _s3_calls.client().create_multipart_upload(Bucket=store.bucket, Key="runs/half.bin")
    ((key, upload, started),) = store.uploads()
    assert key == "half.bin"
    assert started > 1e9
    store.abort(key, upload)
    store.abort(key, upload)
    assert list(store.uploads()) == []


def test_of_several_creators_one_wins(store):
    """A conditional put: the others are told so, and the winner's bytes stay."""
    values = [bytes([number]) * 3000 for number in range(4)]
    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        won = list(pool.map(lambda value: store.create("only", value), values))
    assert won.count(True) == 1
    assert store.read("only") == values[won.index(True)]
    assert not store.create("only", b"later")


def test_server_without_conditional_puts_is_used_without(store, monkeypatch):
    """A server that says NotImplemented to the condition gets the put without it."""
    client = _s3_calls.client()
    asked = []

    def refuse(params, **_):
        asked.append("If-None-Match" in params["headers"])
        if asked[-1]:
            from botocore.exceptions import ClientError

            raise ClientError({"Error": {"Code": "NotImplemented", "Message": "no such header"}}, "PutObject")

    client.meta.events.register("before-call.s3.PutObject", refuse)
    try:
        assert store.create("one", b"1")
        assert not store.create("one", b"2")
    finally:
        client.meta.events.unregister("before-call.s3.PutObject", refuse)
    assert asked == [True, False]
    assert store.read("one") == b"1"


def test_value_is_fetched_once(store, endpoint, tmp_path, monkeypatch):
    """By a second process too, which looks whether it is still the same."""
    store.write("shards/ab/x.parquet", b"x" * 1000)
    proxy = FaultProxy(endpoint)
    with proxy.running() as url:
        monkeypatch.setenv("AWS_ENDPOINT_URL", url)
        forget_stores()
        for _ in range(2):
            reader = S3Store(store.url, tmp_path / "cache")
            for _ in range(3):
                assert reader.local("shards/ab/x.parquet").read_bytes() == b"x" * 1000
    assert proxy.did["GET"] == 1
    assert proxy.did["HEAD"] == 2


def test_version_that_another_machine_put_is_fetched(store, tmp_path):
    """The cache is by ETag: a process that looks anew sees what is there now."""
    reader = S3Store(store.url, tmp_path / "cache")
    store.write("x", b"old")
    assert reader.local("x").read_bytes() == b"old"
    store.write("x", b"newer")
    assert S3Store(store.url, tmp_path / "cache").local("x").read_bytes() == b"newer"


def test_bytes_that_changed_on_the_way_are_not_taken(store, tmp_path):
    """What was put carries the digest of its bytes."""
    client = _s3_calls.client()
    client.put_object(Bucket=store.bucket, Key="runs/x", Body=b"wrong", Metadata={"tilth-digest": "0" * 32})
    with pytest.raises(TransientError, match="s3://tilth-test/runs/x: the bytes that came are not those"):
        store.local("x")
    assert not [path for path in store.cache.rglob("*") if path.is_file()]


def test_store_travels_to_another_process(store):
    """As its address: no connection is pickled."""
    store.write("x", b"1")
    assert pickle.loads(pickle.dumps(store)).read("x") == b"1"  # noqa: S301  our own bytes


def test_keys_that_no_store_may_have_are_left_out_of_listings(store):
    """Somebody else's object in the same bucket leads nowhere."""
    client = _s3_calls.client()
    for key in ("runs/ok", "runs/../up", "runs//twice", "runs/dir/", "runs/back\\slash"):
        client.put_object(Bucket=store.bucket, Key=key, Body=b"1")
    assert list(store.list("")) == ["ok"]


@pytest.fixture
def through_proxy(bucket, endpoint, monkeypatch):
    proxy = FaultProxy(endpoint)
    with proxy.running() as url:
        monkeypatch.setenv("AWS_ENDPOINT_URL", url)
        yield proxy


def test_put_that_another_overtook_is_no_error(store, through_proxy):
    """Swift answers it 202 without an ETag: what stands under the key is the other one's."""
    store.write("x", b"later by the server's clock")
    forget_stores()
    through_proxy.answers["PUT"] = (202, {}, b"")
    with store.writing("x") as path:
        path.write_bytes(b"sooner")
    store.write("x", b"sooner")
    assert store.read("x") == store.local("x").read_bytes() == b"later by the server's clock"


def _opened(bucket="tilth-test"):
    forget_stores()
    return open_store(f"s3://{bucket}/x")


def test_missing_bucket_is_one_line(bucket):
    """Its name, and where it was looked for."""
    with pytest.raises(UserError, match=r"s3://nobody-has-this/x: there is no bucket 'nobody-has-this' at http://127"):
        _opened("nobody-has-this")


def test_wrong_access_key_is_one_line(bucket, endpoint, monkeypatch):
    """The server does not know it: the line names it and the variable."""
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIAWRONG")
    tell(endpoint, "reset-auth", "0")
    with pytest.raises(UserError, match=r"does not know the access key 'AKIAWRONG'; set AWS_ACCESS_KEY_ID"):
        _opened()


def test_missing_keys_are_one_line(bucket, monkeypatch):
    """What to set."""
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.delenv(name)
    with pytest.raises(UserError, match=r"s3://tilth-test/x: .*credentials.*; set AWS_ACCESS_KEY_ID"):
        _opened()


@pytest.mark.parametrize(
    ("status", "error", "said"),
    [
        (403, "SignatureDoesNotMatch", "wrong secret for the access key 'test'; set AWS_SECRET_ACCESS_KEY"),
        (403, "AccessDenied", "the access key 'test' may not do ListObjectsV2 here; Tilth needs s3:ListBucket"),
        (400, "ExpiredToken", "has expired or is wrong; set AWS_SESSION_TOKEN"),
        (301, "PermanentRedirect", "is in region us-west-2, not in eu-central-1; set AWS_REGION=us-west-2"),
        (400, "AuthorizationHeaderMalformed", "is in region us-west-2, not in eu-central-1; set AWS_REGION=us-west-2"),
        (400, "Strange", r"s3://tilth-test/x: Something else\. \(Strange\)"),
    ],
)
def test_what_s3_says_is_one_line(through_proxy, status, error, said):
    """The value that is wrong and what to set, by the codes of the S3 documentation."""
    headers = {"x-amz-bucket-region": "us-west-2"} if status == 301 else {}
    body = f"<Error><Code>{error}</Code><Message>Something else.</Message><Region>us-west-2</Region></Error>"
    through_proxy.answers["GET"] = (status, headers, body.encode())
    with pytest.raises(UserError, match=said) as caught:
        _opened()
    assert "\n" not in str(caught.value)


def test_server_that_does_not_answer_may_come_back(bucket, monkeypatch):
    """Tried again, then said as an error that may pass."""
    monkeypatch.setattr(_s3_calls, "_FIRST_WAIT_S", 0.001)
    monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{free_port()}")
    with pytest.raises(TransientError, match=r"s3://tilth-test/x: .*127\.0\.0\.1.*, 5 times in a row"):
        _opened()


@pytest.mark.parametrize("value", ["not an address", "http://"])
def test_wrong_endpoint_is_one_line(bucket, monkeypatch, value):
    """What boto3 says of it, with the variables to look at."""
    monkeypatch.setenv("AWS_ENDPOINT_URL", value)
    with pytest.raises(UserError, match=r"cannot use S3: .*AWS_ENDPOINT_URL"):
        _opened()


def test_boto3_that_is_missing_is_one_line(bucket, monkeypatch):
    """What installs it, and what does without."""
    monkeypatch.setitem(__import__("sys").modules, "boto3", None)
    forget_stores()
    with pytest.raises(RecipeError, match=r"pip install 'tilth\[s3\]'; or name a folder"):
        _s3_calls.client()


@pytest.mark.parametrize(
    ("url", "place"),
    [
        ("s3://bucket", ("bucket", "")),
        ("s3://bucket/", ("bucket", "")),
        ("s3://bucket/a/b/", ("bucket", "a/b")),
        ("s3://bucket/a%20b", ("bucket", "a b")),
        ("s3://bucket/a#b?c", ("bucket", "a#b?c")),
    ],
)
def test_address_is_bucket_and_prefix(url, place):
    """A prefix has no slash at its ends."""
    assert s3_place(url) == place
    assert is_s3(url)


@pytest.mark.parametrize("url", ["s3://", "s3:///key", "s3://UPPER/x", "s3://a/b", "s3://b_b/x", "s3://bucket/../x"])
def test_address_without_a_bucket_is_refused(url):
    """In one line, with the form."""
    with pytest.raises(UserError, match=r"names no bucket; write s3://bucket/prefix|without '\.\.'"):
        s3_place(url)


def test_store_of_another_kind_is_refused():
    """With the choices."""
    with pytest.raises(UserError, match=r"unknown store 'gs://bucket/x'; have: s3://bucket/prefix, or the path"):
        open_store("gs://bucket/x")


@pytest.mark.parametrize("key", ["", "a//b", "a/./b", "a/", "a\nb", "a\0b", "a\\b", "é" * 600, "a\x7fb"])
def test_key_that_names_nothing_sensible_is_refused(key):
    """Control characters, empty parts, and what S3 itself would not take."""
    assert not is_safe(key)
    with pytest.raises(UserError, match="a store key"):
        checked(key)


@pytest.mark.parametrize(
    ("key", "name"),
    [
        ("a/b.parquet", "b.parquet"),
        ("../../etc/passwd", "passwd"),
        ("a/..", "file"),
        ("x/.hidden", "hidden"),
        ("a\x1b[31mred\n", "a_[31mred_".replace("[", "_")),
        ("x" * 300, "x" * 100),
    ],
)
def test_name_made_of_a_key_is_safe(key, name):
    """It stays in its folder and says nothing to a terminal."""
    assert safe_name(key) == name
