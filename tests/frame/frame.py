# SPDX-License-Identifier: Apache-2.0
"""Frames by docs/frame.md, written for nothing but to compare: slow, and without a line of the C codec.

read(bytes) makes a frame a dictionary as `recode_frame read` prints it; write(frame, choose) makes one bytes again,
with encodings that `choose` takes, a random.Random.
"""

import struct
import subprocess
import zlib

MAGIC = b"\xf5SND"
HEAD = struct.Struct("<4sIHHHH16sQQQQQQQII")
PLAIN, CONSTANT, PLANES, DELTA, PALETTE, BITS = range(6)
TEXTS, TABLES, FEW, SOME, IDS, NOISE = range(6)
EXPONENTIAL, EXPLICIT, QUANTILES = 17, 18, 19
WIDTHS = {1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 6: 1, 7: 2, 8: 4, 9: 8, 10: 8, 11: 4, 12: 4, 13: 8, 14: 16, 15: 8, 16: 8,
          17: 80, 18: 48, 19: 24, 20: 4}
# widths of the members of a histogram, and its runs: (member that is the length, words for one, fewer)
HISTOGRAMS = {EXPONENTIAL: ([8] * 6 + [4] * 6, [(9, 1, 0), (11, 1, 0)]),
              EXPLICIT: ([8] * 4 + [4] * 2, [(5, 1, 0), (5, 1, 1)]),
              QUANTILES: ([8, 8, 4], [(2, 2, 0)])}
WITH_DICTIONARY = (11, 12, 20)   # text, bytes, any
IDENTITIES = (13, 14)


class Bad(Exception):
    """Not a frame."""


def check(condition, what):
    if not condition:
        raise Bad(what)


def zstd(data, *options):
    return subprocess.run(["zstd", "-q", "-c", *options], input=data, stdout=subprocess.PIPE, check=True).stdout


def run_words(run, length):
    return length * run[1] - (run[2] if length else 0)


class Part:
    """Bytes that are read one after the other."""

    def __init__(self, data):
        self.data, self.at = data, 0

    def take(self, count):
        check(count <= len(self.data) - self.at, "it is cut short")
        self.at += count
        return self.data[self.at - count:self.at]

    def byte(self):
        return self.take(1)[0]

    def varint(self):
        value = shift = 0
        while True:
            byte = self.byte()
            value |= (byte & 0x7f) << shift
            shift += 7
            if byte < 0x80:
                return value


class Reader:
    def __init__(self, parts):
        self.parts, self.recent, self.dictionaries = parts, [], []
        self.tables = parts[TABLES]

    def array_bytes(self, count):
        part = self.tables.byte()
        if part & 0x80:
            back = (part & 0x7f) + 1
            check(back <= min(16, len(self.recent)), "there is no array so far back")
            check(len(self.recent[-back]) == count, "an array before is not as long")
            return self.recent[-back]
        check(FEW <= part <= NOISE, "no such part")
        self.recent.append(self.parts[part].take(count))
        return self.recent[-1]

    def planes(self, count, width, nested):
        number = self.tables.byte()
        planes = [self.array_bytes(count) for _ in range(number & 0x0f)]
        bits = len(planes) * 8
        words = [int.from_bytes(bytes(plane[i] for plane in planes), "little") for i in range(count)]
        if number & 0x80:
            words = [word - (1 << bits) if word >> (bits - 1) else word for word in words]
        if number & 0x40:
            check(not nested, "words are set apart twice")
            found = self.tables.varint()
            places = self.array(found, 4, True)
            for place, word in zip(places, self.array(found, width, True)):
                words[place] = word
        return words

    def array(self, count, width, nested=False):
        """Values as numbers without a sign."""
        encoding, modulus = self.tables.byte(), 1 << width * 8
        if encoding == PLAIN:
            data = self.array_bytes(count * width)
            return [int.from_bytes(data[i * width:(i + 1) * width], "little") for i in range(count)]
        if encoding == CONSTANT:
            return [int.from_bytes(self.tables.take(width), "little")] * count
        if encoding == PLANES:
            lowest = int.from_bytes(self.tables.take(width), "little")
            return [(lowest + word) % modulus for word in self.planes(count, width, nested)]
        if encoding == DELTA:
            value = int.from_bytes(self.tables.take(width), "little")
            values = [value]
            for step in self.planes(count - 1, width, nested):
                value = (value + step) % modulus
                values.append(value)
            return values
        check(not nested, "an array of an array may not be so encoded")
        if encoding == PALETTE:
            found = self.tables.varint()
            codes = self.array_bytes(count)
            palette = self.array(found, width, True)
            return [palette[code] for code in codes]
        check(encoding == BITS and width == 1, "no such encoding")
        bits = self.array_bytes((count + 7) // 8)
        return [bits[i >> 3] >> (i & 7) & 1 for i in range(count)]

    def text(self):
        after = self.tables.varint()
        return self.tables.take(after - 1).hex() if after else None

    def histograms(self, type, count):
        widths, runs = HISTOGRAMS[type]
        members = [self.array(count, width) for width in widths]
        rows = [[[member[row] for member in members]] for row in range(count)]
        for run in runs:
            total = sum(run_words(run, length) for length in members[run[0]])
            words, at = self.array(total, 8), 0
            for row, length in enumerate(members[run[0]]):
                rows[row].append(words[at:at + run_words(run, length)])
                at += run_words(run, length)
        return rows

    def column(self, rows):
        name, unit, help = self.text(), self.text(), self.text()
        type, scope, temporality, flags = self.tables.take(4)
        column = {"name": name, "unit": unit, "help": help, "type": type, "role": self.tables.varint(),
                  "scope": scope, "temporality": temporality, "monotonic": bool(flags & 1)}
        valid = self.array_bytes((rows + 7) // 8) if flags & 2 else None
        if type in HISTOGRAMS:
            values = self.histograms(type, 1 if flags & 4 and rows else rows)
            values = values * rows if flags & 4 else values
        elif type in WITH_DICTIONARY:
            index = self.tables.varint()
            codes = self.array(rows, 4)
            entries = self.dictionaries[index - 1] if index else []
            values = [entries[code].hex() if code < len(entries) else "" for code in codes]
        else:
            values = self.array(rows, WIDTHS[type])
            if type in IDENTITIES:
                values = [value.to_bytes(WIDTHS[type], "little").hex() for value in values]
        column["values"] = [value if not valid or valid[row >> 3] >> (row & 7) & 1 else None
                            for row, value in enumerate(values)]
        return column

    def batch(self, depth=0):
        check(depth <= 4, "children lie too deep")
        schema = self.tables.take(self.tables.varint()).hex()
        signal, rows, columns = self.tables.byte(), self.tables.varint(), self.tables.varint()
        batch = {"schema": schema, "signal": signal, "rows": rows,
                 "columns": [self.column(rows) for _ in range(columns)]}
        batch["children"] = [self.batch(depth + 1) for _ in range(self.tables.varint())]
        return batch

    def read_dictionaries(self):
        texts = self.parts[TEXTS]
        for _ in range(texts.varint()):
            texts.byte()
            lengths = [texts.varint() for _ in range(texts.varint())]
            self.dictionaries.append([texts.take(length) for length in lengths])


def read(data):
    check(len(data) >= HEAD.size and data[:4] == MAGIC, "no frame")
    (_, checksum, version, head_bytes, kind, codec, stream, sequence, rows, events, _, raw_bytes, payload_bytes,
     packed_bytes, count, _) = HEAD.unpack_from(data)
    check(version == 1, "another version")
    check(len(data) == head_bytes + payload_bytes, "another length")
    check(zlib.crc32(data[8:]) == checksum, "the checksum is another")
    packed, noise = data[head_bytes:head_bytes + packed_bytes], data[head_bytes + packed_bytes:]
    raw = zstd(packed, "-d") if codec == 1 else packed
    check(len(raw) + len(noise) == raw_bytes, "it expands to another length")
    lengths, at, parts = struct.unpack_from("<6I", raw), 24, []
    for length in lengths[:NOISE]:
        parts.append(Part(raw[at:at + length]))
        at += length
    check(at == len(raw) and lengths[NOISE] == len(noise), "the parts are longer or shorter")
    reader = Reader(parts + [Part(noise)])
    reader.read_dictionaries()
    frame = {"kind": kind, "stream": stream.hex(), "sequence": sequence, "rows": rows, "events": events,
             "batches": [reader.batch() for _ in range(count)]}
    check(all(part.at == len(part.data) for part in reader.parts), "there is more than was read")
    return frame


class Writer:
    """Writes in ways that are allowed, not in ways that are small."""

    def __init__(self, choose):
        self.choose, self.parts, self.recent = choose, [bytearray() for _ in range(6)], []
        self.entries, self.memory = {}, 0
        self.tables = self.parts[TABLES]

    @staticmethod
    def varint(part, value):
        while value >= 0x80:
            part.append(value & 0x7f | 0x80)
            value >>= 7
        part.append(value)

    def put_bytes(self, data):
        for back, before in enumerate(reversed(self.recent[-16:])):
            if before == data and self.choose.random() < 0.7:
                self.tables.append(0x80 | back)
                return
        part = self.choose.choice((FEW, SOME, IDS, NOISE))
        self.tables.append(part)
        self.parts[part] += data
        self.recent.append(bytes(data))

    def put_planes(self, words, width, nested):
        """Of numbers with a sign."""
        signed = any(word < 0 for word in words)
        needed = [(max(word.bit_length() + signed, 1) + 7) // 8 for word in words]
        most = min(max(needed, default=1), width)
        planes = most if nested else self.choose.randint(1, most)
        apart = [i for i, need in enumerate(needed) if need > planes] if planes < most else []
        if len(apart) * 2 > len(words):
            planes, apart = most, []
        low = [0 if i in set(apart) else word for i, word in enumerate(words)]
        self.tables.append(planes | (0x80 if signed else 0) | (0x40 if apart else 0))
        for plane in range(planes):
            self.put_bytes(bytes(word >> plane * 8 & 0xff for word in low))
        if apart:
            self.varint(self.tables, len(apart))
            self.put_array(apart, 4, True)
            self.put_array([words[i] % (1 << width * 8) for i in apart], width, True)

    def put_array(self, values, width, nested=False):
        modulus = 1 << width * 8
        if values and len(set(values)) == 1 and self.choose.random() < 0.9 or not values:
            self.tables.append(CONSTANT)
            self.tables += (values[0] if values else 0).to_bytes(width, "little")
            return
        ways = [PLAIN] + ([PLANES, DELTA] if width <= 8 else [])
        if not nested and len(set(values)) <= 256 and width <= 8:
            ways.append(PALETTE)
        if not nested and width == 1 and max(values) <= 1:
            ways.append(BITS)
        way = self.choose.choice(ways)
        self.tables.append(way)
        if way == PLAIN:
            self.put_bytes(b"".join(value.to_bytes(width, "little") for value in values))
        elif way == PLANES:
            lowest = min(values)
            self.tables += lowest.to_bytes(width, "little")
            self.put_planes([value - lowest for value in values], width, nested)
        elif way == DELTA:
            steps = [(after - before + modulus // 2) % modulus - modulus // 2
                     for before, after in zip(values, values[1:])]
            self.tables += values[0].to_bytes(width, "little")
            self.put_planes(steps, width, nested)
        elif way == PALETTE:
            palette = list(dict.fromkeys(values))
            self.varint(self.tables, len(palette))
            self.put_bytes(bytes(palette.index(value) for value in values))
            self.put_array(palette, width, True)
        else:
            self.put_bytes(self.bits(values))

    @staticmethod
    def bits(truths):
        data = bytearray((len(truths) + 7) // 8)
        for i, truth in enumerate(truths):
            data[i >> 3] |= bool(truth) << (i & 7)
        return bytes(data)

    def put_text(self, text):
        data = bytes.fromhex(text or "")
        self.varint(self.tables, 0 if text is None else len(data) + 1)
        self.tables += data

    def put_histograms(self, type, values):
        widths, runs = HISTOGRAMS[type]
        none = [[0] * len(widths)] + [[] for _ in runs]
        values = [none if value is None else value for value in values]
        for member, width in enumerate(widths):
            self.put_array([value[0][member] for value in values], width)
        for run in range(len(runs)):
            words = [word for value in values for word in value[run + 1]]
            self.memory += len(words) * 8
            self.put_array(words, 8)

    def put_column(self, column, rows):
        type, values = column["type"], column["values"]
        nulls = None in values or self.choose.random() < 0.1
        for text in ("name", "unit", "help"):
            self.put_text(column[text])
        self.tables += bytes((type, column["scope"], column["temporality"], column["monotonic"] | nulls << 1))
        self.varint(self.tables, column["role"])
        self.memory += 256 + rows * WIDTHS[type]
        if nulls:
            self.memory += (rows + 63) // 64 * 8
            self.put_bytes(self.bits([value is not None for value in values]))
        if type in HISTOGRAMS:
            self.put_histograms(type, values)
        elif type in WITH_DICTIONARY:
            self.varint(self.tables, 1)
            self.put_array([0 if value is None else self.entries.setdefault(bytes.fromhex(value), len(self.entries))
                            for value in values], 4)
        elif type in IDENTITIES:
            self.put_array([int.from_bytes(bytes.fromhex(value or ""), "little") for value in values], WIDTHS[type])
        else:
            self.put_array([value or 0 for value in values], WIDTHS[type])

    def put_batch(self, batch):
        schema = bytes.fromhex(batch["schema"])
        self.memory += 512
        self.varint(self.tables, len(schema))
        self.tables += schema
        self.tables.append(batch["signal"])
        self.varint(self.tables, batch["rows"])
        self.varint(self.tables, len(batch["columns"]))
        for column in batch["columns"]:
            self.put_column(column, batch["rows"])
        self.varint(self.tables, len(batch["children"]))
        for child in batch["children"]:
            self.put_batch(child)

    def put_dictionaries(self):
        texts = self.parts[TEXTS]
        self.varint(texts, 1)
        texts.append(1)   # distinct
        self.varint(texts, len(self.entries))
        for entry in self.entries:
            self.varint(texts, len(entry))
        texts += b"".join(self.entries)
        self.memory += 1024 + sum(16 + len(entry) for entry in self.entries)


def write(frame, choose):
    writer = Writer(choose)
    for batch in frame["batches"]:
        writer.put_batch(batch)
    writer.put_dictionaries()
    raw = struct.pack("<6I", *map(len, writer.parts)) + b"".join(writer.parts[:NOISE])
    codec = choose.randint(0, 1)
    # its length stands in the stream of zstd, which a pipe cannot tell
    packed = zstd(raw, "-1", "--no-check", f"--stream-size={len(raw)}") if codec else raw
    noise = bytes(writer.parts[NOISE])
    head = HEAD.pack(MAGIC, 0, 1, HEAD.size, frame["kind"], codec, bytes.fromhex(frame["stream"]), frame["sequence"],
                     frame["rows"], frame["events"], writer.memory, len(raw) + len(noise), len(packed) + len(noise),
                     len(packed), len(frame["batches"]), 0)
    data = head + packed + noise
    return data[:4] + struct.pack("<I", zlib.crc32(data[8:])) + data[8:]
