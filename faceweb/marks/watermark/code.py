"""The 64-bit id as 384 channel bits and back: check value, convolutional code, soft decoding.

Message: 64 bits of id, then the CRC-32 (ISO 3309) of its eight bytes, 96 bits. Code: tail-biting
convolutional, rate 1/4, constraint length 9, generators 463 535 733 745 octal: the code of maximum
free distance (24) in Larsen's table (IEEE Transactions on Information Theory, 1973). Decoding:
the wrap-around Viterbi algorithm (Shao, Lin and Fossorier, 2003) with a fixed number of laps.

Soft bits of a picture without a mark have nothing to do with the check value, so that a decoded
message passes it with probability 2**-32.
"""

import zlib
from typing import Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]

MESSAGE_BITS = 96
RATE = 4
CODE_BITS = RATE * MESSAGE_BITS

_MEMORY = 8
_STATES = 1 << _MEMORY
_GENERATORS = (0o463, 0o535, 0o733, 0o745)
_LAPS = 3


def id_encode(mark_id: int) -> Array:
    """The (384,) channel bits of an id, int8, each -1 or 1."""
    if not 0 <= mark_id < 1 << 64:
        raise ValueError("a mark id has 64 bits")
    packed = mark_id.to_bytes(8, "big")
    message = packed + zlib.crc32(packed).to_bytes(4, "big")
    bits = np.unpackbits(np.frombuffer(message, np.uint8)).astype(np.int64)
    register = sum(np.roll(bits, age) << (_MEMORY - age) for age in range(_MEMORY + 1))
    return _OUTPUTS[register].reshape(-1)


def ids_decode(soft: Array) -> list[int | None]:
    """The id behind each row of (B, 384) soft bits, None where the check fails.

    A positive soft bit means 1, and the further from zero, the surer.
    """
    messages = np.packbits(_viterbi(soft), axis=1)
    found: list[int | None] = []
    for message in messages:
        packed = message.tobytes()
        passes = zlib.crc32(packed[:8]).to_bytes(4, "big") == packed[8:]
        found.append(int.from_bytes(packed[:8], "big") if passes else None)
    return found


def _outputs() -> Array:
    """The (512, 4) output bits, -1 or 1, of each register: newest bit highest."""
    register = np.arange(2 * _STATES)[:, None] & np.array(_GENERATORS)
    return (2 * (np.bitwise_count(register) & 1).astype(np.int8) - 1).astype(np.int8)


_OUTPUTS = _outputs()


def _viterbi(soft: Array) -> Array:
    """The likeliest (B, 96) message bits, uint8."""
    rows = len(soft)
    steps = soft.astype(np.float32).reshape(rows, MESSAGE_BITS, RATE)
    gains = steps @ _OUTPUTS.T.astype(np.float32)
    # Register = (newest bit, eight older ones). The state before a step is its low eight bits, the
    # state after it its high eight: a state s is reached from 2 * (s % 128) and that plus one.
    gains = gains.reshape(rows, MESSAGE_BITS, _STATES, 2)
    before = (2 * np.arange(_STATES) % _STATES)[:, None] + np.array([0, 1])
    metric = np.zeros((rows, _STATES), np.float32)
    odd = np.empty((_LAPS * MESSAGE_BITS, rows, _STATES), bool)
    for step in range(_LAPS * MESSAGE_BITS):
        paths = metric[:, before] + gains[:, step % MESSAGE_BITS]
        odd[step] = paths[:, :, 1] > paths[:, :, 0]
        metric = np.maximum(paths[:, :, 0], paths[:, :, 1])
    state = metric.argmax(axis=1)
    index = np.arange(rows)
    # The middle lap is free of what was assumed about the first and the last state.
    bits = np.empty((rows, _LAPS * MESSAGE_BITS), np.uint8)
    for step in reversed(range(_LAPS * MESSAGE_BITS)):
        bits[:, step] = state >> (_MEMORY - 1)
        state = before[state, odd[step, index, state].astype(np.int64)]
    return bits[:, MESSAGE_BITS : 2 * MESSAGE_BITS]
