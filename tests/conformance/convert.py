"""Run by the tempest environment's Python: a subunit stream on standard input becomes a JSON line per test in a file.

Shows one line of progress a test on standard output.
"""

import json
import sys
import time

import subunit
import testtools

TOTAL = int(sys.argv[2])
began = time.monotonic()
count = 0


def take(test):
    global count
    name = test["id"].partition("[")[0]
    if test["status"] == "exists" or not name:
        return
    count += 1
    details = {key: value.as_text() for key, value in test["details"].items() if value.content_type.type == "text"}
    start, stop = test["timestamps"]
    seconds = (stop - start).total_seconds() if start and stop else 0.0
    line = {"id": name, "status": test["status"], "seconds": seconds, "details": details}
    out.write(json.dumps(line) + "\n")
    out.flush()
    now = time.monotonic() - began
    print(f"[{now:6.1f} s] {count:4}/{TOTAL} {test['status']:8} {name} ({seconds:.2f} s)", flush=True)


with open(sys.argv[1], "w", encoding="utf-8") as out:
    result = testtools.StreamToDict(take)
    result.startTestRun()
    subunit.ByteStreamToStreamResult(sys.stdin.buffer, non_subunit_name="stdout").run(result)
    result.stopTestRun()
