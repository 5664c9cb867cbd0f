"""Python's grpcio against examples/grpc: python check.py TARGET PHASE VARIABLES

PHASE says what runs: `up` with a Clerk that answers, `outage` without.
"""

import sys
from importlib.metadata import version

import grpc
from reports.v1 import reports_pb2 as pb
from reports.v1.reports_pb2_grpc import ReportsStub

target, phase, path = sys.argv[1:]
with open(path) as lines:
    values = dict(line.strip().split("=", 1) for line in lines if "=" in line)
passed = failed = 0
reports = ReportsStub(grpc.insecure_channel(target.removeprefix("http://")))


def check(name, ok, detail=""):
    global passed, failed
    passed, failed = passed + bool(ok), failed + (not ok)
    print(f"{'ok  ' if ok else 'FAIL'} grpcio: {name}" + ("" if ok else f" ({detail})"))


def call(method, message, *tokens):
    metadata = [("authorization", f"Bearer {token}") for token in tokens]
    try:
        answer = method(message, metadata=metadata, timeout=20)
        return list(answer) if hasattr(answer, "__iter__") else answer
    except grpc.RpcError as error:
        return error


def refused(name, code, method, message, *tokens):
    answer = call(method, message, *tokens)
    ok = isinstance(answer, grpc.RpcError) and answer.code() == code
    check(f"{name}: {code.name}", ok, answer)
    return answer


def up():
    me = call(reports.WhoAmI, pb.WhoAmIRequest(), values["M2M_JWT"])
    check("OK with the identity", me.subject.startswith("mch_") and me.token_type == "m2m_token", me)
    check("and the scopes that were granted", list(me.scopes) == ["reports:read"], me)
    months = call(reports.Read, pb.ReadRequest(), values["API_KEY"])
    check("a stream: OK", [answer.month for answer in months] == ["2026-10", "2026-11"], months)
    deletion = pb.DeleteRequest(month="2026-10")
    deleted = call(reports.Delete, deletion, values["API_KEY_WRITES"])
    check("with the scope: OK", deleted.deleted_by.startswith("user_"), deleted)

    code = grpc.StatusCode
    refused("no token", code.UNAUTHENTICATED, reports.WhoAmI, pb.WhoAmIRequest())
    refused("a made-up token", code.UNAUTHENTICATED, reports.WhoAmI, pb.WhoAmIRequest(), "mt_made_up")
    refused("another receiver's", code.UNAUTHENTICATED, reports.WhoAmI, pb.WhoAmIRequest(), values["M2M_JWT_UNSCOPED"])
    refused("two tokens", code.INVALID_ARGUMENT, reports.WhoAmI, pb.WhoAmIRequest(), "mt_a", "mt_b")
    refused("without the scope", code.PERMISSION_DENIED, reports.Delete, deletion, values["API_KEY"])
    refused("without the scope, a stream", code.PERMISSION_DENIED, reports.Read, pb.ReadRequest(), values["API_KEY_PLAIN"])


def outage():
    junk = "mt_0123456789abcdef0123456789abcdef"
    answer = refused("Clerk does not answer", grpc.StatusCode.UNAVAILABLE, reports.WhoAmI, pb.WhoAmIRequest(), junk)
    metadata = {key: value for key, value in [*answer.initial_metadata(), *answer.trailing_metadata()]}
    check("with the delay of a retry", int(metadata.get("grpc-retry-pushback-ms", 0)) > 0, metadata)


print(f"grpcio {version('grpcio')}")
{"up": up, "outage": outage}[phase]()
print(f"{passed} passed, {failed} failed")
sys.exit(1 if failed else 0)
