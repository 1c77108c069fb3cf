# SPDX-License-Identifier: Apache-2.0
"""The processor aggregate over events of the kernel, and over what the kernel counted of the same calls."""

import collections

MEASURES = '''"syscall.calls = count", "syscall.errors = count where error.type is not null", "histogram(syscall.duration)"'''


def configure(path):
    """Two branches: rows of the kernel's counts, and a row a call."""
    options = f'''plugin = "aggregate"; window = "1h"; schema = "syscalls"; by = ["cgroup.id", "syscall.name"];
                  measures = [{MEASURES}];'''
    return f'''
    processors: {{ counts: {{ plugin = "filter"; drop = "syscall.return is not null"; }};
                   events: {{ plugin = "filter"; keep = "syscall.return is not null"; }};
                   counted: {{ {options} }}; summed: {{ {options} }}; }};
    outputs:    {{ kept0: {{ plugin = "file"; path = "{path}.0"; }}; kept1: {{ plugin = "file"; path = "{path}.1"; }}; }};
    pipelines:  {{ p0: {{ from = ["calls"]; through = ["counts", "counted"]; to = ["kept0"]; }};
                   p1: {{ from = ["calls"]; through = ["events", "summed"]; to = ["kept1"]; }}; }};
    '''


def table(rows, cgroup):
    """{name: what its calls come to}, over the windows that there are."""
    sums = collections.defaultdict(collections.Counter)
    for row in rows:
        assert row["cgroup.id"] == cgroup.id
        into, histogram = sums[row["syscall.name"]], row.get("syscall.duration", {"count": 0})
        into.update({"calls": row["syscall.calls"], "errors": row["syscall.errors"], "events": row["events"],
                     "timed": histogram["count"], "ns": histogram.get("sum", 0)})
        for index, count in enumerate(histogram.get("buckets", ()), histogram.get("offset", 0)):
            assert histogram["scale"] == 3
            into["bucket", index] += count
    return {name: {key: count for key, count in each.items() if count} for name, each in sums.items()}


def test_events_that_are_aggregated_and_what_the_kernel_counted_are_the_same_table(start, cgroup):
    daemon = start(f'mode = "both"; interval = "200ms"; ring = "64MiB"; cgroups = ["{cgroup.path}"];', rest=configure)
    made = cgroup.run("many", 100_000)
    daemon.stop()
    counted, summed = table(daemon.rows(".0"), cgroup), table(daemon.rows(".1"), cgroup)
    for name, expected in made.items():
        assert summed[name]["calls"] == summed[name]["events"] == expected["calls"]
        assert summed[name].get("errors", 0) == sum(count for error, count in expected.items() if error != "calls")
    assert counted == summed
