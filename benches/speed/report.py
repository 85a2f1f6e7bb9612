"""Writes what the benchmarks measured into docs/speed.md, and draws it in docs/speed/.

Reads target/speed/*.json and the medians of criterion in target/criterion. In the page, the lines between
`<!-- NAME -->` and `<!-- end -->` are replaced. A measurement that is missing leaves its lines as they are.
"""

import html
import json
import os
import pathlib
import platform
import re
import subprocess

ROOT = pathlib.Path(__file__).resolve().parents[2]
MEASURED = ROOT / "target/speed"
PAGE = ROOT / "docs/speed.md"
PLOTS = ROOT / "docs/speed"
# How the benchmarks' names begin, and what the page calls them.
STAGES = {
    "decode obama.jpg": "decode a JPEG of 1 megapixel",
    "detect, whole pictures to 256 pixels": "find faces in the coarse look",
    "landmarks, one pass": "landmarks, one of two passes",
    "quality": "quality",
    "recognize, plain and mirrored": "template, plain and mirrored",
    "everything": "everything: bytes to template",
    "find nobody in 1600 x 1200": "find nobody in 1600 x 1200",
    "shrink 8 megapixels to 256 pixels": "shrink 8 megapixels to 256 pixels",
    "replay, LIVENESS_ACTIVE,": "judge a liveness check: active, 36 frames",
    "replay, LIVENESS_PASSIVE,": "judge a liveness check: passive, 10 frames",
    "replay, LIVENESS_PASSIVE_VIDEO,": "judge a liveness check: passive video, 30 frames",
}
SESSIONS = {
    "createBioSession": "open a session",
    "getBioSession": "read a session",
    "getFace": "read a face",
    "createFaceFromJson": "add a face that was made before",
}
MATCHES = {"whole": "compare a face with 99 others, each answer signed", "its database": "the database's part of that"}
IMAGES = {"createFaceFromImage": "make a face from a photograph of 1 megapixel, and save it"}
CHECKS = {
    "LIVENESS_ACTIVE,": "check liveness, from the capture received to the verdict saved: active, 36 frames",
    "LIVENESS_PASSIVE,": "the same, passive, 10 frames",
    "LIVENESS_PASSIVE_VIDEO,": "the same, passive video, 30 frames",
}


def table(head, rows):
    lines = [head, ["---"] + ["---:"] * (len(head) - 1), *rows]
    return "\n".join("| " + " | ".join(map(str, line)) + " |" for line in lines)


def read(name):
    path = MEASURED / f"{name}.json"
    return json.loads(path.read_text()) if path.exists() else None


def machine():
    cpu = re.search(r"model name\s*: (.*)", pathlib.Path("/proc/cpuinfo").read_text())
    rustc = subprocess.run(["rustc", "--version"], capture_output=True, text=True, check=True).stdout.split()[1]
    kernel = platform.release().split("-")[0]
    return f"{cpu[1] if cpu else platform.machine()}, {os.cpu_count()} virtual cores, Linux {kernel}, rustc {rustc}."


def rounds(measured):
    """The table of tasks that several peers ran by turns."""
    rows = []
    for task in measured:
        ours = task["peers"][0]
        rows.append([task["task"], ours["peer"], f"{ours['ms']:.2f}", ""])
        for peer in task["peers"][1:]:
            low, middle, high = peer["ratio"]
            rows.append(["", peer["peer"], f"{peer['ms']:.2f}", f"{middle:.2f} ({low:.2f} to {high:.2f})"])
    return table(["", "by", "ms", "ours / theirs"], rows)


def load(measured):
    head = ["request", "cores", "clients", "per second", "p50 ms", "p95 ms", "p99 ms", "refused"]
    rows = [
        [row["request"], row["cores"], row["clients"], f"{row['per_second']:.1f}"]
        + [f"{row[key]:.1f}" for key in ("p50_ms", "p95_ms", "p99_ms")]
        + [row["refused"]]
        for row in measured
        if "request" in row
    ]
    used = [
        f"On {row['cores']} core{'s' * (row['cores'] > 1)} the server used at most {row['peak_mib']:.0f} MiB and was "
        f"ready {row['ready_s']:.2f} s after its start, with a new database."
        for row in measured
        if "peak_mib" in row
    ]
    return table(head, rows) + "\n\n" + "\n".join(used)


def many(measured):
    """Requests beside many live sessions, and sentences about the rest."""
    rows = [
        [row["request"], f"{row['live']:,}"] + [f"{row[key]:.2f}" for key in ("p50_ms", "p95_ms", "p99_ms")]
        for row in measured
        if "request" in row
    ]
    said = []
    for row in measured:
        if "expired" in row:
            said.append(
                f"{row['expired']:,} of {row['live']:,} sessions expire at once: {row['per_second']:.0f} are deleted a "
                f"second, and reads meanwhile take {row['read_p95_ms']:.1f} ms (95 %) and {row['read_p99_ms']:.1f} ms (99 %)."
            )
        elif "peak_mib" in row:
            said.append(f"Beside {row['live']:,} sessions the server used at most {row['peak_mib']:.0f} MiB.")
        elif "nodes" in row:
            nodes = "One node" if row["nodes"] == 1 else f"{row['nodes']} nodes"
            said.append(f"{nodes} of one core each: {row['comparisons_per_second']:.1f} comparisons of pictures a second.")
    return table(["request", "live sessions", "p50 ms", "p95 ms", "p99 ms"], rows) + "\n\n" + "\n".join(said)


def overload(measured):
    rows = [
        [row["answers"], f"{row['count']:,}"] + [f"{row[key]:.0f}" for key in ("p50_ms", "p99_ms", "longest_ms")]
        for row in measured
        if "answers" in row
    ]
    offered = measured[-1]
    said = (
        f"Without overload the server makes {offered['capacity']:.1f} faces a second; {offered['factor']:.0f} times as many "
        f"were asked for during {offered['seconds']} s."
    )
    return table(["answers", "number", "p50 ms", "p99 ms", "longest ms"], rows) + "\n\n" + said


def criterion(group, shown):
    """The table of a benchmark's medians: `shown` gives the page's name for each of its beginnings."""
    folder = ROOT / "target/criterion" / group
    rows = []
    for name, words in shown.items():
        for path in sorted(folder.glob(f"{name}*/new/estimates.json")):
            median = json.loads(path.read_text())["median"]
            low, high = (median["confidence_interval"][f"{side}_bound"] / 1e6 for side in ("lower", "upper"))
            rows.append([words, f"{median['point_estimate'] / 1e6:.2f}", f"{low:.2f} to {high:.2f}"])
    return rows


def timed(head, *groups):
    rows = [row for group, shown in groups for row in criterion(group, shown)]
    return table([head, "ms", "95 % interval"], rows) if rows else None


def plot(measured, title):
    """Bars of the ratios of our time to that of each peer; shorter is better."""
    bars = [(task["task"], peer["peer"], peer["ratio"]) for task in measured for peer in task["peers"][1:]]
    height, left, width = 22, 240, 160
    scale = width / max(1.2, max(ratio[2] for *_, ratio in bars))
    rows, y, before = [], 46, None
    for task, peer, (low, middle, high) in bars:
        if task != before:
            y += 8
            rows.append(f'<text x="6" y="{y + 15}" font-weight="600">{html.escape(task)}</text>')
            y += height
            before = task
        colour = "#2a7f62" if middle <= 1 else "#b3541e"
        end = left + middle * scale
        rows.append(f'<text x="{left - 8}" y="{y + 15}" text-anchor="end">{html.escape(peer)}</text>')
        rows.append(f'<rect x="{left}" y="{y + 3}" width="{middle * scale:.1f}" height="15" fill="{colour}"/>')
        rows.append(f'<path d="M{left + low * scale:.1f} {y + 10.5}H{left + high * scale:.1f}" stroke="currentColor"/>')
        rows.append(f'<text x="{max(end, left + high * scale) + 6:.1f}" y="{y + 15}">{middle:.2f}</text>')
        y += height
    one = left + scale
    line = f'<path d="M{one:.1f} 40V{y + 4}" stroke="currentColor" stroke-dasharray="4 3"/>'
    style = "<style>svg{color:#222;background:#fff}text{fill:currentColor}@media(prefers-color-scheme:dark){svg{color:#ddd;background:#161616}}</style>"
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 464 {y + 12}" font-family="sans-serif" font-size="14">'
        f'{style}<text x="6" y="22" font-size="16" font-weight="600">{html.escape(title)}</text>'
        f'<text x="{one:.1f}" y="36" text-anchor="middle">as fast</text>{line}{"".join(rows)}</svg>\n'
    )


def limits(measured):
    [measured] = measured
    rows = [
        [one["network"], f"{one['millions']:.0f}", f"{one['ms']:.2f}", f"{one['times']:.2f}"] for one in measured["networks"]
    ]
    head = ["", "million multiply-adds", "ms, the best run", "of the time at the limit"]
    return f"The limit here is {measured['limit']:.0f} billion multiply-adds a second.\n\n" + table(head, rows)


def main():
    found = {
        "machine": machine(),
        "stages": timed("stage", ("one core", STAGES)),
        "operations": timed(
            "operation",
            ("sessions", SESSIONS),
            ("getMatches of 100 faces", MATCHES),
            ("a face, by the built-in networks", IMAGES),
            ("a check of liveness, on one core", CHECKS),
        ),
    }
    shown = {"networks": rounds, "limits": limits, "pictures": rounds, "load": load, "many": many, "overload": overload}
    for name, show in shown.items():
        measured = read(name)
        found[name] = show(measured) if measured else None
    page = PAGE.read_text()
    for name, text in found.items():
        if text:
            block = re.compile(rf"(<!-- {name} -->\n).*?(<!-- end -->)", re.DOTALL)
            page, count = block.subn(lambda match: f"{match[1]}{text}\n{match[2]}", page)
            assert count == 1, f"docs/speed.md has no place for {name}"
    PAGE.write_text(page)
    PLOTS.mkdir(exist_ok=True)
    titles = {"networks": "Time of each network, ours / theirs", "pictures": "Bytes to template, ours / theirs"}
    for name, title in titles.items():
        measured = read(name)
        if measured and len(measured[0]["peers"]) > 1:
            (PLOTS / f"{name}.svg").write_text(plot(measured, title))


main()
