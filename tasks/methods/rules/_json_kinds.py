"""Kinds of string that an API sends, a column at a time; `of_format` and `of_name` say which one is meant.

Formats: JSON Schema validation 2020-12, section 7.3 (https://json-schema.org/draft/2020-12/json-schema-validation), and
those of the OpenAPI format registry (https://spec.openapis.org/registry/format/) that name one of our kinds.
"""

import base64
import re
from typing import Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from tasks.methods.rules._json_pools import Maker, Pools, join, of_chars, of_grid

_HEX: Final = "0123456789abcdef"
_DIGITS: Final = "0123456789"
_UPPER: Final = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
_START: Final = 1_420_070_400  # 2015-01-01; the ten years after it are where an API's dates lie
_SPAN: Final = 347_155_200
_HEX_CODES: Final = np.frombuffer(_HEX.encode(), dtype=np.uint8)


def _uuid(pools: Pools, n: int) -> pa.Array:
    """Version 4, as RFC 9562 section 5.4 lays it out."""
    raw = np.frombuffer(pools.rng.bytes(16 * n), dtype=np.uint8).reshape(n, 16).copy()
    raw[:, 6] = raw[:, 6] & 0x0F | 0x40
    raw[:, 8] = raw[:, 8] & 0x3F | 0x80
    digits = np.stack([raw >> 4, raw & 15], axis=2).reshape(n, 32)
    grid = np.full((n, 36), ord("-"), dtype=np.uint8)
    grid[:, [i for i in range(36) if i not in (8, 13, 18, 23)]] = _HEX_CODES[digits]
    return of_grid(grid)


def _seconds(pools: Pools, n: int) -> pa.Array:
    return pa.array(pools.rng.integers(_START, _START + _SPAN, size=n)).cast(pa.timestamp("s"))


def _date_time(pools: Pools, n: int) -> pa.Array:
    return pc.strftime(_seconds(pools, n), format="%Y-%m-%dT%H:%M:%SZ")


def _date(pools: Pools, n: int) -> pa.Array:
    return pc.strftime(_seconds(pools, n), format="%Y-%m-%d")


def _time(pools: Pools, n: int) -> pa.Array:
    return pc.strftime(_seconds(pools, n), format="%H:%M:%SZ")


def _duration(pools: Pools, n: int) -> pa.Array:
    days, hours, minutes = (pools.numbers(low, high, n) for low, high in ((1, 30), (0, 23), (1, 59)))
    return join("P", days, "DT", hours, "H", minutes, "M")


def _email(pools: Pools, n: int) -> pa.Array:
    domains = pa.concat_arrays([pools.atoms("free_domain"), pools.atoms("domain")])
    domain = domains.take(pa.array(pools.rng.integers(len(domains), size=n)))
    first, last = pools.take("ascii_first_name", n), pools.take("ascii_last_name", n)
    return join(first, ".", last, pools.numbers(1, 99, n), "@", domain)


def _name(pools: Pools, n: int) -> pa.Array:
    return join(pools.take("first_name", n), " ", pools.take("last_name", n))


def _host(pools: Pools, n: int) -> pa.Array:
    return join(pools.take("slug_word", n), pools.numbers(1, 99, n), ".", pools.take("domain", n))


def _url(pools: Pools, n: int) -> pa.Array:
    return join("https://", pools.take("domain", n), "/", _path(pools, n))


def _path(pools: Pools, n: int) -> pa.Array:
    return join(pools.take("slug_word", n), "/", _slug(pools, n))


def _image(pools: Pools, n: int) -> pa.Array:
    return join("https://", pools.take("domain", n), "/images/", _slug(pools, n), ".jpg")


def _slug(pools: Pools, n: int) -> pa.Array:
    return join(pools.take("slug_word", n), "-", pools.take("slug_word", n), "-", pools.numbers(1, 9999, n))


def _ipv4(pools: Pools, n: int) -> pa.Array:
    a, b, c, d = (pools.numbers(low, high, n) for low, high in ((11, 191), (0, 255), (0, 255), (1, 254)))
    return join(a, ".", b, ".", c, ".", d)


def _ipv6(pools: Pools, n: int) -> pa.Array:
    return of_chars(pools.rng, list("2001:0db8:") + (([_HEX] * 4 + [":"]) * 6)[:-1], n)


def _street(pools: Pools, n: int) -> pa.Array:
    return join(pools.numbers(1, 999, n), " ", pools.take("street_name", n))


def _address(pools: Pools, n: int) -> pa.Array:
    return join(_street(pools, n), ", ", pools.take("postcode", n), " ", pools.take("city", n))


def _text(pools: Pools, n: int) -> pa.Array:
    return join(pools.take("sentence", n), " ", pools.take("sentence", n))


def _title(pools: Pools, n: int) -> pa.Array:
    words = join(pools.take("word", n), " ", pools.take("word", n), " ", pools.take("word", n))
    return pc.utf8_capitalize(words)


def _words(pools: Pools, n: int) -> pa.Array:
    return join(pools.take("word", n), " ", pools.take("word", n))


def _username(pools: Pools, n: int) -> pa.Array:
    return join(pools.take("user_name", n), pools.numbers(1, 999, n))


def _password(pools: Pools, n: int) -> pa.Array:
    word = pc.utf8_capitalize(pools.take("slug_word", n))
    return join(word, "-", pools.take("slug_word", n), pools.numbers(10, 9999, n), "!")


def _token(pools: Pools, n: int) -> pa.Array:
    return of_chars(pools.rng, [_HEX] * 40, n)


def _sku(pools: Pools, n: int) -> pa.Array:
    return of_chars(pools.rng, [_UPPER] * 3 + ["-"] + [_DIGITS] * 5, n)


def _code(pools: Pools, n: int) -> pa.Array:
    return of_chars(pools.rng, [_UPPER, _UPPER] + [_DIGITS] * 6, n)


def _base64(pools: Pools, n: int) -> pa.Array:
    texts = _text(pools, n).to_pylist()
    return pa.array([base64.b64encode(text.encode()).decode() for text in texts], pa.string())


def _pointer(pools: Pools, n: int) -> pa.Array:
    return join("/", pools.take("slug_word", n), "/", pools.numbers(0, 20, n))


def _relative_pointer(pools: Pools, n: int) -> pa.Array:
    return join(pools.numbers(0, 3, n), _pointer(pools, n))


def _regex(pools: Pools, n: int) -> pa.Array:
    return join("^", pools.take("slug_word", n), "-[0-9]{1,", pools.numbers(2, 9, n), "}$")


def _uri_template(pools: Pools, n: int) -> pa.Array:
    return join(
        "https://", pools.take("domain", n), "/", pools.take("slug_word", n), "/{", pools.take("slug_word", n), "}"
    )


def _of(*values: str) -> Maker:
    def column(pools: Pools, n: int) -> pa.Array:
        return pa.array(values, pa.string()).take(pa.array(pools.rng.integers(len(values), size=n)))

    return column


def _atom(name: str) -> Maker:
    return lambda pools, n: pools.take(name, n)


KINDS: Final[dict[str, Maker]] = {
    "uuid": _uuid, "date_time": _date_time, "date": _date, "time": _time, "duration": _duration, "email": _email,
    "name": _name, "first_name": _atom("first_name"), "last_name": _atom("last_name"), "hostname": _host, "url": _url,
    "path": _path, "image": _image, "slug": _slug, "ipv4": _ipv4, "ipv6": _ipv6, "street": _street,
    "address": _address, "city": _atom("city"), "state": _atom("state"), "country": _atom("country"),
    "country_code": _atom("country_code"), "postcode": _atom("postcode"), "phone": _atom("phone"),
    "company": _atom("company"), "job": _atom("job"), "text": _text, "sentence": _atom("sentence"), "title": _title,
    "words": _words, "word": _atom("word"), "username": _username, "password": _password, "token": _token, "sku": _sku,
    "code": _code, "byte": _base64, "binary": _token, "json_pointer": _pointer, "regex": _regex,
    "relative_json_pointer": _relative_pointer, "uri_template": _uri_template, "iban": _atom("iban"),
    "bic": _atom("bic"), "currency": _atom("currency"), "color": _atom("color"), "timezone": _atom("timezone"),
    "language": _atom("language"), "user_agent": _atom("user_agent"), "mime_type": _atom("mime_type"),
    "file_name": _atom("file_name"), "slogan": _atom("catch_phrase"),
    "status": _of("active", "inactive", "pending", "archived", "suspended"),
    "gender": _of("female", "male", "other"), "http_method": _of("GET", "POST", "PUT", "PATCH", "DELETE"),
    "level": _of("low", "medium", "high", "critical"),
    "category": _of("books", "clothing", "electronics", "garden", "grocery", "home", "music", "sports", "toys"),
}  # fmt: skip

_FORMATS: Final = {
    "uri": "url", "iri": "url", "uri_reference": "url", "iri_reference": "url", "idn_email": "email",
    "idn_hostname": "hostname", "date_time": "date_time", "telephone": "phone", "tel": "phone", "ip": "ipv4",
}  # fmt: skip

# The last words of a property's name that say what it holds; longer ones are tried first.
_NAMES: Final = {
    "email": "email", "mail": "email", "first name": "first_name", "given name": "first_name",
    "last name": "last_name", "family name": "last_name", "surname": "last_name", "full name": "name",
    "display name": "name", "author": "name", "owner": "name", "customer": "name", "user name": "username",
    "username": "username", "login": "username", "nickname": "username", "handle": "username", "file name": "file_name",
    "filename": "file_name", "host name": "hostname", "hostname": "hostname", "host": "hostname", "domain": "hostname",
    "company": "company", "company name": "company", "organization": "company", "brand": "company", "vendor": "company",
    "product name": "title", "phone": "phone", "phone number": "phone", "mobile": "phone", "fax": "phone",
    "city": "city", "town": "city", "country": "country", "country code": "country_code", "state": "state",
    "region": "state", "province": "state", "zip": "postcode", "zip code": "postcode", "postcode": "postcode",
    "postal code": "postcode", "street": "street", "line1": "street", "address": "address", "ip address": "ipv4",
    "ip": "ipv4", "ipv4": "ipv4", "ipv6": "ipv6", "url": "url", "uri": "url", "link": "url", "href": "url",
    "website": "url", "homepage": "url", "self": "url", "next": "url", "avatar": "image", "image": "image",
    "photo": "image", "picture": "image", "thumbnail": "image", "icon": "image", "path": "path", "slug": "slug",
    "description": "text", "summary": "sentence", "bio": "text", "comment": "text", "message": "sentence",
    "body": "text", "content": "text", "text": "text", "note": "sentence", "notes": "sentence", "detail": "sentence",
    "reason": "sentence", "title": "title", "subject": "title", "headline": "title", "label": "words", "tag": "word",
    "keyword": "word", "slogan": "slogan", "id": "uuid", "uuid": "uuid", "guid": "uuid", "key": "token",
    "token": "token", "secret": "token", "hash": "token", "etag": "token", "password": "password", "sku": "sku",
    "code": "code", "reference": "code", "number": "code", "created": "date_time", "updated": "date_time",
    "at": "date_time", "timestamp": "date_time", "datetime": "date_time", "date": "date", "birthday": "date",
    "time": "time", "duration": "duration", "currency": "currency", "iban": "iban", "bic": "bic", "color": "color",
    "colour": "color", "timezone": "timezone", "time zone": "timezone", "locale": "language", "language": "language",
    "user agent": "user_agent", "mime type": "mime_type", "content type": "mime_type", "job": "job", "job title": "job",
    "occupation": "job", "position": "job", "role": "job", "status": "status", "gender": "gender",
    "method": "http_method", "priority": "level", "severity": "level", "category": "category", "type": "category",
    "department": "category", "name": "name",
}  # fmt: skip
_WORD: Final = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+\d*|\d+")


def words_of_name(name: str) -> list[str]:
    """Return the lower-case words of a property's name: `createdAt` and `created_at` are both created, at."""
    return [word.lower() for word in _WORD.findall(name)]


def of_format(name: str) -> str | None:
    """Return the kind of a `format`, None for one that is not known."""
    plain = name.replace("-", "_").lower()
    kind = _FORMATS.get(plain, plain)
    return kind if kind in KINDS else None


def of_name(name: str) -> str | None:
    """Return the kind that a property's name speaks of, None where it says nothing."""
    words = words_of_name(name)
    for length in (2, 1):
        tail = words[-length:]
        for said in (" ".join(tail), " ".join([*tail[:-1], tail[-1].removesuffix("s")]) if tail else ""):
            if len(tail) == length and said in _NAMES:
                return _NAMES[said]
    return None
