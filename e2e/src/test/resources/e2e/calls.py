"""gRPC both ways, without generated code: messages are bytes.

calls.py serve PORT            a server of HTTP/2 without TLS
calls.py call ADDRESS NAME CA  every kind of call, through TLS; says what was not as it should be, and OK in the end"""

import sys
import threading
import time

import grpc

SERVICE = "/culvert.Test/"
LARGE = 3 << 20
cancelled = threading.Event()


def sure(what, true):
    if not true:
        print("NOT:", what, flush=True)
        sys.exit(1)


# --- the server


def unary(request, context):
    if request == b"fail":
        context.set_trailing_metadata((("x-why", "because"),))
        context.abort(grpc.StatusCode.FAILED_PRECONDITION, "as asked: 100 %")
    if request == b"slow":
        time.sleep(30)
    if request == b"was it cancelled":
        return b"yes" if cancelled.wait(30) else b"no"
    context.send_initial_metadata((("x-first", dict(context.invocation_metadata()).get("x-said", "nothing")),))
    context.set_trailing_metadata((("x-last", "done"), ("x-bin", b"\x00\xff")))
    return request[::-1]


def down(request, context):
    context.add_callback(cancelled.set)
    n = int(request)
    i = 0
    while (n < 0 or i < n) and context.is_active():
        yield b"%d" % i
        i += 1
        if n < 0:
            time.sleep(0.01)


def up(requests, context):
    return b"%d" % sum(len(r) for r in requests)


def both(requests, context):
    for request in requests:
        yield request


def serve(port):
    from concurrent import futures

    handlers = {
        "unary": grpc.unary_unary_rpc_method_handler(unary),
        "down": grpc.unary_stream_rpc_method_handler(down),
        "up": grpc.stream_unary_rpc_method_handler(up),
        "both": grpc.stream_stream_rpc_method_handler(both),
    }
    server = grpc.server(futures.ThreadPoolExecutor(32))
    server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler("culvert.Test", handlers),))
    server.add_insecure_port(f"0.0.0.0:{port}")
    server.start()
    print("READY", flush=True)
    server.wait_for_termination()


# --- the client


def call(address, name, ca):
    with open(ca, "rb") as f:
        credentials = grpc.ssl_channel_credentials(f.read())
    channel = grpc.secure_channel(address, credentials, (("grpc.ssl_target_name_override", name), ("grpc.default_authority", name)))
    unary_, down_, up_, both_ = (
        channel.unary_unary(SERVICE + "unary"), channel.unary_stream(SERVICE + "down"),
        channel.stream_unary(SERVICE + "up"), channel.stream_stream(SERVICE + "both"))

    answer, of = unary_.with_call(b"abc", metadata=(("x-said", "hello"),), timeout=60)
    sure("a call", answer == b"cba")
    sure("metadata before", ("x-first", "hello") in tuple(of.initial_metadata()))
    sure("metadata behind", ("x-last", "done") in tuple(of.trailing_metadata()) and ("x-bin", b"\x00\xff") in tuple(of.trailing_metadata()))
    large = bytes(range(256)) * (LARGE // 256)
    sure("a large message", unary_(large, timeout=60) == large[::-1])
    sure("many answers", list(down_(b"1000", timeout=60)) == [b"%d" % i for i in range(1000)])
    sure("many messages", up_((b"x" * 1000 for _ in range(1000)), timeout=60) == b"1000000")

    # Each message waits for the answer to the one before: nothing may be gathered on the way.
    heard, ready = [], threading.Semaphore(1)

    def say():
        for i in range(100):
            ready.acquire()
            yield b"%d" % i

    for reply in both_(say(), timeout=60):
        heard.append(reply)
        ready.release()
    sure("a conversation", heard == [b"%d" % i for i in range(100)])

    try:
        unary_(b"fail", timeout=60)
        sure("a failure", False)
    except grpc.RpcError as e:
        sure("its status", e.code() == grpc.StatusCode.FAILED_PRECONDITION)
        sure("its text", e.details() == "as asked: 100 %")
        sure("its metadata", ("x-why", "because") in tuple(e.trailing_metadata()))
    try:
        unary_(b"slow", timeout=0.5)
        sure("a deadline", False)
    except grpc.RpcError as e:
        sure("a deadline's status", e.code() == grpc.StatusCode.DEADLINE_EXCEEDED)

    cancelled_call = down_(b"-1", timeout=60)
    sure("an endless answer", next(cancelled_call) == b"0")
    cancelled_call.cancel()
    sure("a call that was given up is given up at the server", unary_(b"was it cancelled", timeout=60) == b"yes")

    try:
        channel.unary_unary("/culvert.Test/nothing")(b"", timeout=60)
        sure("an unknown method", False)
    except grpc.RpcError as e:
        sure("an unknown method's status", e.code() == grpc.StatusCode.UNIMPLEMENTED)
    futures_ = [unary_.future(b"%d" % i, timeout=60) for i in range(300)]
    sure("many calls at once", [f.result() for f in futures_] == [(b"%d" % i)[::-1] for i in range(300)])
    print("OK", flush=True)


if __name__ == "__main__":
    if sys.argv[1] == "serve":
        serve(int(sys.argv[2]))
    else:
        call(*sys.argv[2:])
