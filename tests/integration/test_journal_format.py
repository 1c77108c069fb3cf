# SPDX-License-Identifier: Apache-2.0
"""docs/journal.md is enough to read a journal by: a reader that was written from it alone."""

import os
import struct
import subprocess
import zlib

from sonde import BUILD

WRITE_JOURNAL = os.path.join(BUILD, "tests/unit/write_journal")


class Head:
    def __init__(self, content, magic):
        self.whole = content[:8] == magic + b"\0" and len(content) >= 104
        if not self.whole:
            return
        self.version, self.length, check, name_length = struct.unpack_from("<IIII", content, 8)
        self.id = content[24:40]
        self.made_ns, self.first, self.stream_count, self.streams_check = struct.unpack_from("<QQII", content, 40)
        self.before_first, *self.before = struct.unpack_from("<5Q", content, 64)
        self.name = content[104:104 + name_length].decode()
        self.whole = zlib.crc32(content[20:self.length], zlib.crc32(content[:16])) == check


def marks(content):
    """[(counter, released, given)] of the marks that are whole."""
    for offset in (4096, 4608):
        mark = content[offset:offset + 48]
        magic, check, counter, released, given = struct.unpack_from("<4sIQQQ", mark)
        if magic == b"mark" and check == zlib.crc32(mark[8:]):
            yield counter, released, given


class Segment:
    def __init__(self, path, journal_id):
        with open(path, "rb") as file:
            self.content = file.read()
        self.first = int(os.path.basename(path).split(".")[0])
        self.id = journal_id
        self.head = Head(self.content, b"sondeJS")
        self.start = self.head.length + 24 * self.head.stream_count
        self.foot = None

    def placed(self, offset, covered):
        return zlib.crc32(covered, zlib.crc32(self.id + struct.pack("<QQ", self.first, offset)))

    def streams(self):
        snapshot = self.content[self.head.length:self.start]
        assert zlib.crc32(snapshot) == self.head.streams_check
        return {stream: sequence for stream, sequence in struct.iter_unpack("<16sQ", snapshot)}

    def records(self):
        """Yields (number, rows, events, sequence, stream, origin, data) of those that are whole."""
        offset = self.start
        while offset + 56 <= len(self.content):
            if self.content[offset:offset + 4] == b"foot":
                check, = struct.unpack_from("<I", self.content, offset + 4)
                if check == self.placed(offset, self.content[offset + 8:offset + 56]):
                    self.foot = struct.unpack_from("<6Q", self.content, offset + 8)
                    return
            found = self.record(offset)
            if found:
                offset += found[0]
                if found[1]:
                    yield found[1]
            else:
                offset += 8

    def record(self, offset):
        if self.content[offset:offset + 4] != b"rec." or offset + 72 > len(self.content):
            return None
        check, data_check, length, origin_length = struct.unpack_from("<IIIH", self.content, offset + 4)
        number, rows, events, sequence, stream = struct.unpack_from("<4Q16s", self.content, offset + 24)
        data_offset = offset + 72 + (origin_length + 7) // 8 * 8
        if self.placed(offset, self.content[offset + 8:data_offset]) != check:
            return None
        origin = self.content[offset + 72:offset + 72 + origin_length].decode()
        data = self.content[data_offset:data_offset + length]
        whole = zlib.crc32(data) == data_check
        return (data_offset - offset + (length + 7) // 8 * 8,
                (number, rows, events, sequence, stream, origin, data) if whole else None)


def journal_written(directory, count, released):
    written = subprocess.run([WRITE_JOURNAL, directory, str(count), str(released), "20000"], stdout=subprocess.PIPE,
                             text=True, check=True)
    with open(os.path.join(directory, "journal"), "rb") as file:
        content = file.read()
    assert len(content) == 8192
    head = Head(content, b"sondeJH")
    assert head.whole and head.version == 1 and head.name == "main > region" and head.first == 0
    assert head.id.hex() == written.stdout.strip()
    paths = sorted(entry.path for entry in os.scandir(directory) if entry.name.endswith(".segment"))
    return max(marks(content)), [Segment(path, head.id) for path in paths]


def expected(number):
    return (number, number, 2 * number, 10 * number, b"stream of a test", "" if number % 3 else "edge-17.example",
            bytes([number % 256]) * (100 * number))


def test_a_reader_written_from_the_page_reads_what_the_journal_wrote(tmp_path):
    mark, segments = journal_written(str(tmp_path / "journal"), 60, 1)
    assert mark[1:] == (1, 60)
    records = [record for segment in segments for record in segment.records()]
    assert records == [expected(number) for number in range(1, 61)]
    assert len(segments) > 5
    streams = {}
    for before, segment in zip([None] + segments, segments):
        assert segment.head.whole and segment.head.id == segment.id and segment.head.first == segment.first
        assert segment.streams() == streams
        own = list(segment.records())
        streams = {b"stream of a test": own[-1][3]}
        if before:
            start, end, *tally = before.foot
            assert start == before.start and end == len(before.content) - 56
            assert segment.head.before_first == before.first and segment.head.before == tally
            whole = list(before.records())
            assert tally == [whole[-1][0], len(whole), sum(record[1] for record in whole),
                             sum(record[2] for record in whole)]
        else:
            assert segment.head.before_first == 0


def test_released_records_are_told_by_the_mark(tmp_path):
    mark, segments = journal_written(str(tmp_path / "journal"), 60, 31)
    records = [record for segment in segments for record in segment.records()]
    assert mark[1] == 31 and records[0][0] > 1
    assert [record for record in records if record[0] >= mark[1]] == [expected(number) for number in range(31, 61)]


def test_a_damaged_head_of_a_record_is_passed_over(tmp_path):
    _, segments = journal_written(str(tmp_path / "journal"), 60, 1)
    segment = segments[0]
    whole = list(segment.records())
    content = bytearray(segment.content)
    content[segment.content.index(b"rec.", segment.start + 4) + 30] ^= 4
    segment.content = bytes(content)
    assert list(segment.records()) == [whole[0]] + whole[2:]
