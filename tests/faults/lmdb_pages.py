# Which byte of an LMDB 0.9 file is what: its pages, their headers and pointers, and the keys and values of each table.
import struct
from dataclasses import dataclass

PAGE = 4096
HEAD = 16  # of a page: number 8, pad 2, flags 2, lower 2, upper 2 (of an overflow page: pages 4)
BRANCH, LEAF, OVERFLOW, META = 1, 2, 4, 8
BIG, SUB = 1, 2  # flags of a node: its value lies in overflow pages; it is a table
NONE = 2**64 - 1


@dataclass
class Region:
    """Bytes [begin, end) of the file, all of one kind."""

    kind: str
    begin: int
    end: int


class LmdbFile:
    def __init__(self, content):
        self.content = content
        self.regions = []
        self.reached = {0, 1}
        for page in (0, 1):
            self.add(f"meta page {'in use' if page == self.newest() else 'before'}: header", page * PAGE, HEAD)
            self.add(f"meta page {'in use' if page == self.newest() else 'before'}: fields", page * PAGE + HEAD, 136)
        self.walk(self.root_of(0), "free list")
        self.walk(self.root_of(1), "tables")
        for page in range(2, len(content) // PAGE):
            if page not in self.reached:
                self.add("unused page", page * PAGE, PAGE)

    def add(self, kind, begin, size):
        if size > 0:
            self.regions.append(Region(kind, begin, begin + size))

    def number(self, at, form):
        return struct.unpack_from("<" + form, self.content, at)[0]

    def newest(self):
        return max((0, 1), key=lambda page: self.number(page * PAGE + HEAD + 128, "Q"))

    def root_of(self, which):
        return self.number(self.newest() * PAGE + HEAD + 24 + 48 * which + 40, "Q")

    def walk(self, page, name):
        if page == NONE:
            return
        base = page * PAGE
        self.reached.add(page)
        flags, lower, upper = (self.number(base + at, "H") for at in (10, 12, 14))
        kind = f"{name}: {'branch' if flags & BRANCH else 'leaf'} page"
        self.add(f"{kind} header", base, HEAD)
        self.add(f"{kind} pointers", base + HEAD, lower - HEAD)
        self.add(f"{kind} free space", base + lower, upper - lower)
        for i in range((lower - HEAD) // 2):
            node = base + self.number(base + HEAD + 2 * i, "H")
            self.node(node, name, kind, flags)

    def node(self, at, name, kind, page_flags):
        """Low and high half of the value's size (of a branch: of the page below), flags, the key's size, key, value."""
        low, high, flags, key_size = struct.unpack_from("<HHHH", self.content, at)
        self.add(f"{kind} node", at, 8)
        self.add(f"{name}: {'branch ' if page_flags & BRANCH else ''}key", at + 8, key_size)
        value = at + 8 + key_size
        if page_flags & BRANCH:
            return self.walk(low | high << 16 | flags << 32, name)
        size = low | high << 16
        if flags & SUB:
            table = self.content[at + 8:value].decode(errors="replace")
            self.add(f"{table}: root record", value, size)
            return self.walk(self.number(value + 40, "Q"), table)
        if not flags & BIG:
            return self.add(f"{name}: value", value, size)
        first = self.number(value, "Q")
        self.add(f"{name}: pointer to overflow page", value, 8)
        self.add(f"{name}: overflow page header", first * PAGE, HEAD)
        self.add(f"{name}: overflow value", first * PAGE + HEAD, size)
        self.reached.update(range(first, first + (HEAD + size + PAGE - 1) // PAGE))
        return None


def wal_regions(content):
    """Frames `magic 4 | checksum 4 | length 4 | file 4 | number 8 | entries`, at multiples of 8; the highest number comes last."""
    out, at, last = [], 0, (0, 0, 0)
    while content[at:at + 4] == b"CBW1":
        length, number = struct.unpack_from("<I", content, at + 8)[0], struct.unpack_from("<Q", content, at + 16)[0]
        if number <= last[0]:
            break  # of an earlier life of the file
        out.append(Region("log: frame header", at, at + 24))
        entry, end = at + 24, at + 24 + length
        while entry + 24 <= end:
            size = struct.unpack_from("<I", content, entry)[0]
            out.append(Region("log: entry header", entry, entry + 24))
            out.append(Region("log: entry", entry + 24, entry + 24 + size))
            entry += 24 + (size + 7) // 8 * 8
        last = (number, at, end)
        at = (end + 7) // 8 * 8
    if at < len(content):
        out.append(Region("log: behind the last frame", at, min(at + 4096, len(content))))
        out.append(Region("log: rest of the file", at, len(content)))
    return out, last
