"""From runs to a table and a file."""

import json
import os
import statistics

from figures import FIGURES, SECTIONS

# Figures that stand in another one's section.
_IN_SECTION = {"echo": "ping", "load": "ping"}


def summarise(runs, side):
    """For each figure of a side: median, least and most of the clean runs, or of all where none was clean."""
    summary = {}
    for key in FIGURES:
        having = [r for r in runs if r["side"] == side and r["figures"].get(key) is not None]
        if having:
            clean = [r for r in having if not r["dirty"]]
            values = [r["figures"][key] for r in clean or having]
            summary[key] = {"median": statistics.median(values), "min": min(values), "max": max(values), "runs": len(having), "clean": len(clean)}
    return summary


def write(path, document):
    """All at once, so that an end at any time leaves a whole file."""
    part, directory = path + ".part", os.stat(os.path.dirname(path))
    with open(part, "w") as f:
        json.dump(document, f, indent=1)
        f.write("\n")
    # Under sudo a file in the tree is its owner's.
    os.chown(part, directory.st_uid, directory.st_gid)
    os.replace(part, path)


def _cell(s, digits):
    if s is None:
        return "-"
    text = f"{s['median']:,.{digits}f}"
    if s["runs"] > 1:
        text += f" ({s['min']:,.{digits}f}..{s['max']:,.{digits}f})"
    return text + ("" if s["clean"] else " *")


def _ratio(new, old):
    if not new or not old or not old["median"]:
        return "-"
    return f"{new['median'] / old['median']:.2f}"


def _verdict(figure, new, old):
    """Better or worse is said only of clean runs, and where no run of one is among those of the other."""
    if not new or not old or min(new["clean"], old["clean"]) < 2:
        return ""
    if new["min"] > old["max"]:
        return "better" if figure.better == "higher" else "worse"
    if new["max"] < old["min"]:
        return "better" if figure.better == "lower" else "worse"
    return ""


def table(sides, summaries):
    """Lines. With two sides, the first is the one that the other is compared with."""
    comparing = len(sides) == 2
    rows, section = [], None
    for key, figure in FIGURES.items():
        cells = [summaries[side].get(key) for side in sides]
        if not any(cells):
            continue
        of = key.split(".")[0]
        of = _IN_SECTION.get(of, of)
        if of != section:
            section = of
            rows.append((SECTIONS[of],))
        counts = " ".join(f"{c['clean']}/{c['runs']}" if c else "-" for c in cells)
        row = ["  " + figure.label, *(_cell(c, figure.digits) for c in cells), figure.unit, counts]
        if comparing:
            row[-1:-1] = [_ratio(cells[1], cells[0]), _verdict(figure, cells[1], cells[0])]
        rows.append(tuple(row))
    head = ["", *sides, "", *(["ratio", ""] if comparing else []), "clean"]
    widths = [max(len(row[i]) for row in [head, *rows] if len(row) > 1) for i in range(len(head))]
    numeric = set(range(1, 1 + len(sides))) | ({len(sides) + 2} if comparing else set())

    def line(row):
        return "  ".join(c.rjust(w) if i in numeric else c.ljust(w) for i, (c, w) in enumerate(zip(row, widths))).rstrip()

    lines = [line(head)]
    for row in rows:
        lines += ["", row[0]] if len(row) == 1 else [line(row)]
    return lines
