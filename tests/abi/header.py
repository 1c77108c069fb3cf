# SPDX-License-Identifier: Apache-2.0
"""Plugin headers as data: what their structs, enums and constants are, and the next minor version of one."""

import re
import subprocess


def layout(header, scratch):
    """What a compiler makes of a header: {"struct sonde_option.name": (offset, size, type), "SONDE_U32": number}.

    It is read from the debug information of a program that includes the header and nothing else."""
    source = scratch / "layout.c"
    source.write_text(f'#include "{header}"\n')
    binary = scratch / "layout.o"
    subprocess.run(["cc", "-std=c11", "-g", "-gdwarf-4", "-fno-eliminate-unused-debug-types", "-c", source, "-o",
                    binary], check=True)
    dump = subprocess.run(["readelf", "--wide", "--debug-dump=info", binary], check=True, capture_output=True,
                          text=True, env={"LC_ALL": "C", "PATH": "/usr/bin:/bin"}).stdout
    return {**members(Debug(dump)), **constants(header)}


def number(text):
    return int(text.split()[0], 0)


class Debug:
    """The tree of debug entries that readelf prints."""

    def __init__(self, dump):
        self.entries = {}
        parents = {}
        entry = None
        for line in dump.splitlines():
            head = re.match(r" *<([0-9a-f]+)><([0-9a-f]+)>: Abbrev Number: (\d+)(?: \((\w+)\))?", line)
            if head:
                depth, offset, tag = int(head[1], 16), int(head[2], 16), head[4]
                entry = None
                if tag:
                    entry = {"tag": tag, "children": []}
                    self.entries[offset] = entry
                    parents[depth] = entry
                    if depth:
                        parents[depth - 1]["children"].append(entry)
                continue
            attribute = re.match(r" *<[0-9a-f]+> +DW_AT_(\w+) *: ?(.*)", line)
            if attribute and entry is not None:
                # Before the value readelf says how it is stored, some versions more of it than others.
                entry[attribute[1]] = re.sub(r"^(\([^)]*\):? *)+", "", attribute[2]).strip()

    def type_of(self, entry):
        found = re.match(r"<0x([0-9a-f]+)>", entry.get("type", ""))
        return self.entries[int(found[1], 16)] if found else None

    def size_of(self, entry):
        """Bytes of a value of a type."""
        if entry["tag"] == "DW_TAG_array_type":
            return self.size_of(self.type_of(entry)) * self.length_of(entry)
        if "byte_size" in entry:
            return number(entry["byte_size"])
        return self.size_of(self.type_of(entry))

    @staticmethod
    def length_of(entry):
        return number(entry["children"][0]["upper_bound"]) + 1

    def spell(self, entry):
        """The type as text: two types are the same if their texts are."""
        if entry is None:
            return "void"
        tag = entry["tag"].removeprefix("DW_TAG_")
        inner = self.type_of(entry)
        if tag == "pointer_type":
            return self.spell(inner) + " *"
        if tag in ("const_type", "volatile_type"):
            return tag.removesuffix("_type") + " " + self.spell(inner)
        if tag == "array_type":
            return f"{self.spell(inner)}[{self.length_of(entry)}]"
        if tag == "subroutine_type":
            return f"{self.spell(inner)} ({', '.join(self.spell(self.type_of(c)) for c in entry['children'])})"
        if tag in ("structure_type", "union_type", "enumeration_type"):
            return tag.removesuffix("_type") + " " + entry.get("name", "(unnamed)")
        return entry["name"]

    def tagged(self, *tags):
        return (entry for entry in self.entries.values() if entry["tag"] in tags)


def members(debug):
    found = {}
    for struct in debug.tagged("DW_TAG_structure_type", "DW_TAG_union_type"):
        name = struct.get("name", "")
        if name.startswith("sonde_"):
            found.update(members_of(debug, struct, f"struct {name}"))
    for enumeration in debug.tagged("DW_TAG_enumeration_type"):
        for value in enumeration["children"]:
            if value["name"].startswith("SONDE_"):
                found[value["name"]] = number(value["const_value"])
    return found


def members_of(debug, struct, prefix, base=0):
    for member in struct["children"]:
        if member["tag"] != "DW_TAG_member":
            continue
        kind = debug.type_of(member)
        offset = base + number(member.get("data_member_location", "0"))
        path = f"{prefix}.{member['name']}"
        yield path, (offset, debug.size_of(kind), debug.spell(kind))
        if kind["tag"] == "DW_TAG_union_type" and "name" not in kind:
            yield from members_of(debug, kind, path, offset)


def sizes(header, scratch):
    """The size of every struct and where its last member ends: equal where nothing hides behind it."""
    found = {}
    for path, value in layout(header, scratch).items():
        if "." in path:
            struct = path.split(".")[0]
            found[struct] = max(found.get(struct, 0), value[0] + value[1])
    source = scratch / "sizes.c"
    lines = "".join(f'\tprintf("%zu\\n", sizeof({struct}));\n' for struct in found)
    source.write_text(f'#include "{header}"\nint main(void)\n{{\n{lines}\treturn 0;\n}}\n')
    subprocess.run(["cc", source, "-o", scratch / "sizes"], check=True)
    numbers = subprocess.run([scratch / "sizes"], check=True, capture_output=True, text=True).stdout.split()
    return {struct: (int(number), found[struct]) for struct, number in zip(found, numbers)}


def constants(header):
    """The macros that are numbers."""
    text = subprocess.run(["cc", "-E", "-dM", header], check=True, capture_output=True, text=True).stdout
    return {name: int(value, 0) for name, value in re.findall(r"^#define (SONDE_\w+) (0x[0-9a-f]+|\d+)u?$", text, re.M)}


# What the next minor version adds at the end of each struct that grows, for tests of the step.
NEXT_MEMBERS = {
    "sonde_option": "const char *next;",
    "sonde_counter": "uint64_t next;",
    "sonde_field": "uint32_t next, next_reserved;",
    "sonde_schema": "const char *next;",
    "sonde_column": "uint64_t next;",
    "sonde_batch": "uint64_t next;",
    "sonde_outcome": "uint64_t next;",
    "sonde_delivery": "uint64_t next;",
    "sonde_settlement": "uint64_t next;",
    "sonde_instance": "void *next;",
    "sonde_tally": "uint64_t next;",
    "sonde_account": "uint64_t next;",
    "sonde_health": "uint64_t next;",
    "sonde_process": "uint64_t next;",
    "sonde_record": "uint64_t next;",
    "sonde_host": "int (*next)(struct sonde_instance *);",
    "sonde_plugin": "int (*next)(struct sonde_instance *);",
}


def next_minor(text):
    """The header of the next minor version: one member more at the end of every struct that grows."""
    text, count = re.subn(r"(#define SONDE_ABI_MINOR )(\d+)", lambda m: f"{m[1]}{int(m[2]) + 1}", text)
    assert count == 1
    for struct, member in NEXT_MEMBERS.items():
        text, count = re.subn(rf"(^struct {struct} {{\n.*?)(^}};)", rf"\1\t{member}\n\2", text, flags=re.M | re.S)
        assert count == 1, struct
    return text
