#!/usr/bin/env python3
"""Prints the table of src/docs/fleet.md, and checks its formula against a simulation.

A token is used r times a second by the whole fleet, spread evenly. It is verified again at its first
use after 80 % of its fresh time, so one replica makes 1 / (0.8 f + n / r) calls a second and n of them n
times that; a fleet makes 1 / (0.8 f + 1 / r).
"""

import random
import sys

AHEAD, LIMIT = 0.8, 80


def calls(replicas, rate, fresh, shared):
    if shared:
        return 1 / (AHEAD * fresh + 1 / rate)
    return replicas / (AHEAD * fresh + replicas / rate)


def simulated(replicas, rate, fresh, shared, hours=6):
    dice, now, made = random.Random(1), 0, 0
    asked, fleet = [-1e9] * replicas, -1e9
    while (now := now + dice.expovariate(rate)) < hours * 3600:
        one = dice.randrange(replicas)
        if now - asked[one] < AHEAD * fresh:
            continue
        if not shared or now - fleet >= AHEAD * fresh:
            fleet, made = now, made + 1
        asked[one] = fleet
    return made / (hours * 3600)


def text(tokens, replicas, shared):
    needed = tokens * calls(replicas, 0.1, 60, shared)
    shown = f"{needed:.1f}" if needed < 1000 else f"{needed:.0f}"
    if needed <= LIMIT:
        return shown
    fresh = 60
    while tokens * calls(replicas, 0.1, fresh, shared) > LIMIT:
        fresh += 1
    unit = f"{fresh} s" if fresh < 600 else f"{fresh / 60:.0f} min" if fresh < 7200 else f"{fresh / 3600:.{0 if fresh > 36000 else 1}f} h"
    return f"{shown} ({unit})"


def main():
    for replicas, shared in [(1, False), (10, False), (10, True), (50, True)]:
        one, other = (f(replicas, 0.1, 60, shared) for f in (calls, simulated))
        assert abs(one - other) / one < 0.05, (replicas, shared, one, other)
    lines = ["| tokens | replicas | alone: calls per second | in a fleet |", "|---|---|---|---|"]
    for tokens, counts in [(1_000, (1, 10, 50, 500)), (100_000, (1, 10, 50))]:
        for replicas in counts:
            alone, fleet = text(tokens, replicas, False), text(tokens, replicas, True)
            lines.append(f"| {tokens:_} | {replicas} | {alone} | {fleet} |".replace("_", " "))
    print("\n".join(lines))
    for path in sys.argv[1:]:
        assert "\n".join(lines) in open(path, encoding="utf-8").read(), f"{path} has another table"


if __name__ == "__main__":
    main()
