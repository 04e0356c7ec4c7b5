"""Writes every TCP segment of the loopback interface that comes from or goes to one of the given ports to standard output, its length in four bytes first."""

import socket
import sys

ports = {int(port) for port in sys.argv[1:]}
packets = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.ntohs(0x0003))
packets.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 16 * 1024 * 1024)
packets.bind(("lo", 0))
print("capturing", file=sys.stderr, flush=True)
while True:
    packet, (_, protocol, direction, *_) = packets.recvfrom(262144)
    # IPv4 and TCP; on loopback each packet is seen twice, once as it leaves.
    if direction == socket.PACKET_OUTGOING or protocol != 0x0800 or packet[23] != 6:
        continue
    start = 14 + (packet[14] & 15) * 4
    ends = {int.from_bytes(packet[start : start + 2], "big"), int.from_bytes(packet[start + 2 : start + 4], "big")}
    if ends & ports:
        segment = packet[start : 14 + int.from_bytes(packet[16:18], "big")]
        sys.stdout.buffer.write(len(segment).to_bytes(4, "big") + segment)
        sys.stdout.buffer.flush()
