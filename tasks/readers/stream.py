"""Bytes of a file in bounded pieces: decompressed, without a byte order mark, cut at line ends."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import IO

import pyarrow as pa

from tasks.readers.block import SourceFile

# A block of short JSON lines is ten times its size as Python objects: 2 MB keep a reader under 64 MB.
BLOCK_BYTES = 2 * 2**20

_CODECS = {b"\x1f\x8b": "gzip", b"\x28\xb5\x2f\xfd": "zstd"}
_UTF8_MARK = b"\xef\xbb\xbf"
_OTHER_MARKS = {b"\xff\xfe": "UTF-16", b"\xfe\xff": "UTF-16", b"\x00\x00\xfe\xff": "UTF-32"}


@contextmanager
def opened(file: SourceFile) -> Iterator[IO[bytes] | pa.NativeFile]:
    """Hand out the file's decompressed bytes; what it is compressed with is told by its first bytes, not its name."""
    try:
        with file.path.open("rb") as raw:
            magic = raw.read(4)
            raw.seek(0)
            codec = next((name for head, name in _CODECS.items() if magic.startswith(head)), None)
            yield pa.CompressedInputStream(raw, codec) if codec else raw
    except OSError as exc:
        file.fail(f"cannot read it: {exc.strerror or exc}")


def pieces(file: SourceFile, size: int = BLOCK_BYTES) -> Iterator[bytes]:
    """Return the bytes of the file, `size` at a time, without a UTF-8 byte order mark."""
    with opened(file) as stream:
        piece = stream.read(size)
        for mark, encoding in _OTHER_MARKS.items():
            if piece.startswith(mark):
                file.fail(f"it is {encoding}, not UTF-8")
        piece = piece.removeprefix(_UTF8_MARK)
        while piece:
            yield piece
            piece = stream.read(size)


def line_blocks(file: SourceFile, size: int = BLOCK_BYTES) -> Iterator[tuple[int, bytes]]:
    """Return (1-based number of the first line, whole lines); a line longer than `size` makes a longer block.

    The last line may lack its line end.
    """
    line, head = 1, []
    for piece in pieces(file, size):
        cut = piece.rfind(b"\n") + 1
        if not cut:
            head.append(piece)
            continue
        block = b"".join((*head, piece[:cut]))
        head = [piece[cut:]] if cut < len(piece) else []
        yield line, block
        line += block.count(b"\n")
    if head:
        yield line, b"".join(head)


def numbered_lines(first: int, block: bytes) -> Iterator[tuple[int, bytes]]:
    """Return (1-based number, line without its end) of each line of a block."""
    lines = block.split(b"\n")
    if not lines[-1]:
        lines.pop()
    for number, line in enumerate(lines, start=first):
        yield number, line.removesuffix(b"\r")


def not_utf8(exc: UnicodeDecodeError) -> str:
    """Return what a decoding error says to the person who has to find the byte."""
    return f"not UTF-8: byte 0x{exc.object[exc.start]:02x} at byte {exc.start + 1} of the line"


def not_encodable(text: str) -> str | None:
    r"""Return what is wrong with a text that UTF-8 cannot hold; None where nothing is.

    A lone surrogate is either half of a `\ud83d` escape or a byte that the decoder passed on as it was.
    """
    try:
        text.encode()
    except UnicodeEncodeError as exc:
        code = ord(text[exc.start])
        if 0xDC80 <= code <= 0xDCFF:
            return f"not UTF-8: byte 0x{code - 0xDC00:02x}"
        return f"not UTF-8: half a surrogate pair, \\u{code:04x}"
    return None
