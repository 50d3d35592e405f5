"""Runs a command where every look-up and every connection is seen, and none leaves.

To be started inside a network and mount namespace of its own (``unshare -n -m``). There every
address is this machine (Linux's AnyIP routes), a name server of its own answers every name, and a
packet socket sees what goes to any address outside loopback. Prints one line of JSON:
``{"names": [...], "addresses": [...], "code": ...}``.

    python network_watch.py SECONDS COMMAND...

Ends the command after SECONDS, or earlier where it ends by itself.
"""

import json
import os
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import threading
from ipaddress import IPv4Address, IPv6Address, ip_address

ALL_PROTOCOLS = 0x0003
RESOLVER = "127.0.0.1"
ANSWER = "192.0.2.1"


def main() -> None:
    seconds, command = float(sys.argv[1]), sys.argv[2:]
    _prepare()
    names: set[str] = set()
    addresses: set[str] = set()
    threading.Thread(target=_answer_names, args=(_name_server(), names), daemon=True).start()
    threading.Thread(target=_watch, args=(_packets(), addresses), daemon=True).start()
    with tempfile.TemporaryFile("w+") as said:
        process = subprocess.Popen(
            command, stdout=said, stderr=subprocess.STDOUT, start_new_session=True
        )
        try:
            code = process.wait(seconds)
        except subprocess.TimeoutExpired:
            code = 0
            os.killpg(process.pid, signal.SIGTERM)
            try:
                process.wait(40)
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, signal.SIGKILL)
        said.seek(0)
        output = said.read()
    found = {"names": sorted(names), "addresses": sorted(addresses), "code": code}
    sys.stdout.write(json.dumps({**found, "output": output[-4000:]}) + "\n")


def _prepare() -> None:
    for line in (
        "ip link set lo up",
        "ip route add local 0.0.0.0/0 dev lo",
        "ip -6 route add local ::/0 dev lo",
    ):
        done = subprocess.run(line.split(), capture_output=True, text=True)
        if done.returncode and "-6" not in line:
            raise SystemExit(f"{line}: {done.stderr}")
    with tempfile.NamedTemporaryFile("w", suffix=".conf", delete=False) as file:
        file.write(f"nameserver {RESOLVER}\noptions timeout:1 attempts:1\n")
    subprocess.run(["mount", "--bind", file.name, "/etc/resolv.conf"], check=True)


def _name_server() -> socket.socket:
    server = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    server.bind((RESOLVER, 53))
    return server


def _answer_names(server: socket.socket, names: set[str]) -> None:
    while True:
        question, asker = server.recvfrom(4096)
        labels, at = [], 12
        while question[at]:
            labels.append(question[at + 1 : at + 1 + question[at]].decode("ascii", "replace"))
            at += 1 + question[at]
        names.add(".".join(labels))
        (kind,) = struct.unpack(">H", question[at + 1 : at + 3])
        records = b""
        if kind == 1:
            records = struct.pack(">HHHIH", 0xC00C, 1, 1, 1, 4) + socket.inet_aton(ANSWER)
        counts = struct.pack(">HHHHH", 0x8180, 1, bool(records), 0, 0)
        server.sendto(question[:2] + counts + question[12 : at + 5] + records, asker)


def _packets() -> socket.socket:
    packets = socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM, socket.htons(ALL_PROTOCOLS))
    packets.bind(("lo", ALL_PROTOCOLS))
    return packets


def _watch(packets: socket.socket, addresses: set[str]) -> None:
    while True:
        packet = packets.recv(65535)
        if (address := _receiver(packet)) is not None and not address.is_loopback:
            addresses.add(str(address))


def _receiver(packet: bytes) -> IPv4Address | IPv6Address | None:
    match packet[0] >> 4 if packet else 0:
        case 4:
            return ip_address(packet[16:20])
        case 6:
            return ip_address(packet[24:40])
    return None


if __name__ == "__main__":
    main()
