"""Prints the table of what clients see, and holds it against the one in the docs.

python table.py OBSERVED DOCS
"""

import json
import sys

from gateway import Checks

COLUMNS = ["nginx", "caddy", "envoy", "ext_authz"]
observed = {}
with open(sys.argv[1]) as lines:
    for name, gateway, cell in map(json.loads, lines):
        observed.setdefault(name, {})[gateway] = cell

documented = {}
with open(sys.argv[2]) as lines:
    for line in lines:
        cells = [cell.strip() for cell in line.strip().strip("|").split("|")]
        if len(cells) == len(COLUMNS) + 1:
            documented[cells[0]] = dict(zip(COLUMNS, cells[1:]))

checks = Checks("table")
for name, cells in observed.items():
    print(f"| {name} | " + " | ".join(cells.get(gateway, "?") for gateway in COLUMNS) + " |")
for name, cells in observed.items():
    for gateway, cell in cells.items():
        said = documented.get(name, {}).get(gateway)
        checks.check(f"{name}, {gateway}", cell == said, f"seen: {cell}; documented: {said}")
checks.end()
