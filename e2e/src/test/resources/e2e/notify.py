"""A service manager's ear: prints a line for each datagram that comes to the Unix socket that is named, its lines joined by spaces."""
import socket
import sys

ear = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
ear.bind(sys.argv[1])
print("listening", flush=True)
while True:
    print(ear.recv(4096).decode().replace("\n", " "), flush=True)
