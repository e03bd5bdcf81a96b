"""Fields of JPEG XL headers: bits packed from the lowest one up, numbers chosen by selectors (ISO/IEC 18181-1 9.2)."""

from __future__ import annotations

from filmjacket.dicom.codestreams.description import cut_short, malformed

# What a selector of two bits means: (number to add, bits to read).
Choice = tuple[int, int]
_ENUM: tuple[Choice, Choice, Choice, Choice] = ((0, 0), (1, 0), (2, 4), (18, 6))
_MAX_EXTENSION_BITS = 1 << 20


class FieldReader:
    """Reads the fields of the headers in a codestream."""

    __slots__ = ("data", "position")

    def __init__(self, data: bytes) -> None:
        self.data = data
        self.position = 0

    def bits(self, count: int) -> int:
        """Return u(n)."""
        start, end = self.position, self.position + count
        if end > 8 * len(self.data):
            raise cut_short("the header of the JPEG XL codestream")
        self.position = end
        window = int.from_bytes(self.data[start // 8 : (end + 7) // 8], "little")
        return window >> (start % 8) & ((1 << count) - 1)

    def flag(self) -> bool:
        """Return Bool()."""
        return self.bits(1) == 1

    def choice(self, *choices: Choice) -> int:
        """Return U32(): two bits select what is added to how many further bits."""
        base, count = choices[self.bits(2)]
        return base + self.bits(count)

    def enumeration(self) -> int:
        """Return Enum()."""
        return self.choice(*_ENUM)

    def u64(self) -> int:
        """Return U64()."""
        selector = self.bits(2)
        if selector < 3:
            base, count = ((0, 0), (1, 4), (17, 8))[selector]
            return base + self.bits(count)
        value, shift = self.bits(12), 12
        while self.flag():
            if shift == 60:
                return value | self.bits(4) << shift
            value |= self.bits(8) << shift
            shift += 8
        return value

    def skip_extensions(self) -> None:
        """Step over the extensions that a later edition may add."""
        present = self.u64()
        lengths = [self.u64() for _ in range(present.bit_count())]
        if sum(lengths) > _MAX_EXTENSION_BITS:
            raise malformed("the extensions of a JPEG XL header are longer than any header")
        self.bits(sum(lengths))

    def to_byte_boundary(self) -> None:
        """Step over padding."""
        self.position = (self.position + 7) // 8 * 8
