"""A balancer of TCP with one visitor, whom it names: balancer.py FROM HOST PORT NAME CERTIFICATE HEADER asks for / of NAME over TLS and
prints the answer's content. HEADER is a line of version 1 of the PROXY protocol, or "v2 SOURCE DESTINATION SOURCE-PORT PORT"."""

import http.client
import socket
import ssl
import struct
import sys


def header(text):
    if not text.startswith("v2 "):
        return text.encode() + b"\r\n"
    _, source, destination, source_port, port = text.split()
    addresses = socket.inet_aton(source) + socket.inet_aton(destination) + struct.pack(">HH", int(source_port), int(port))
    return b"\r\n\r\n\0\r\nQUIT\n" + struct.pack(">BBH", 0x21, 0x11, len(addresses)) + addresses


source, host, port, name, certificate, head = sys.argv[1:]
plain = socket.create_connection((host, int(port)), 60, (source, 0))
plain.sendall(header(head))
connection = http.client.HTTPConnection(name)
connection.sock = ssl.create_default_context(cafile=certificate).wrap_socket(plain, server_hostname=name)
connection.request("GET", "/")
print(connection.getresponse().read().decode(), end="")
