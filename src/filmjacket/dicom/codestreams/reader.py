"""Readers over the head of a stream that never leave it: what is missing is named (`cut_short`)."""

from __future__ import annotations

from filmjacket.dicom.codestreams.description import cut_short, malformed


class ByteReader:
    """Reads big-endian numbers and runs of bytes; `structure` is what an error says the stream ends in."""

    __slots__ = ("data", "end", "position", "structure")

    def __init__(self, data: bytes, structure: str, position: int = 0, end: int | None = None) -> None:
        self.data = data
        self.structure = structure
        self.position = position
        self.end = len(data) if end is None else min(end, len(data))

    @property
    def left(self) -> int:
        """Bytes that can still be read."""
        return max(self.end - self.position, 0)

    def take(self, count: int) -> bytes:
        """Return the next bytes."""
        if count > self.left:
            raise cut_short(self.structure)
        self.position += count
        return self.data[self.position - count : self.position]

    def skip(self, count: int) -> None:
        """Step over bytes."""
        if count > self.left:
            raise cut_short(self.structure)
        self.position += count

    def number(self, size: int) -> int:
        """Return an unsigned number of `size` bytes."""
        return int.from_bytes(self.take(size), "big")


class BitReader:
    """Reads fields of bits, the most significant first, and Exp-Golomb codes (ISO/IEC 14496-10 9.1)."""

    __slots__ = ("data", "position", "structure")

    def __init__(self, data: bytes, structure: str) -> None:
        self.data = data
        self.structure = structure
        self.position = 0

    def bits(self, count: int) -> int:
        """Return an unsigned number of `count` bits."""
        start, end = self.position, self.position + count
        if end > 8 * len(self.data):
            raise cut_short(self.structure)
        self.position = end
        last = (end + 7) // 8
        return int.from_bytes(self.data[start // 8 : last], "big") >> (8 * last - end) & ((1 << count) - 1)

    def flag(self) -> bool:
        """Return one bit."""
        return self.bits(1) == 1

    def unsigned(self) -> int:
        """Return ue(v): as many bits behind the first 1 as there are zeros in front of it."""
        zeros = 0
        while not self.flag():
            zeros += 1
            if zeros > 32:
                raise malformed(f"{self.structure} holds an Exp-Golomb code of more than 32 bits")
        return (1 << zeros) - 1 + self.bits(zeros)

    def signed(self) -> int:
        """Return se(v)."""
        code = self.unsigned()
        return (code + 1) // 2 if code % 2 else -(code // 2)
