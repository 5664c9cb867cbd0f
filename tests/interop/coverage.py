"""Prints how often each operation was answered with each status, from recorded traffic."""

import collections
import json
import sys

counts = collections.defaultdict(collections.Counter)
for request in json.load(open(sys.argv[1], encoding="utf-8")):
    if request["response"]:
        counts[request["endpoint"]][request["response"]["status"]] += 1
print("the newest requests by operation and status:")
for endpoint, statuses in sorted(counts.items()):
    print(f"  {endpoint:22}", "  ".join(f"{s}: {n}" for s, n in sorted(statuses.items())))
