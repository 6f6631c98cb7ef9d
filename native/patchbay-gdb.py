# gdb reads the registers of a core that `patchbay run --core` wrote:
#
#     gdb -x "$(patchbay native --gdb)" prog.elf prog.core
#
# gdb knows no machine of the core's number, so its own `info registers`, `$pc` and `bt` have nothing to show. Memory and
# symbols it reads by itself: `x/8aw $r15` shows the stack with the names of what returns where. This script reads the note
# that each CPU left in the core. `toy registers` shows all of them, `toy cpu N` chooses the CPU whose registers are the
# variables `$r0` to `$r15`, `$toy_pc` and `$toy_flags`.

import re
import struct

import gdb

EM_TOY = 0x7062
PT_NOTE = 4
NT_PRSTATUS = 1

# The words of a note, in order.
FIELDS = ["r%d" % i for i in range(16)] + ["pc", "flags", "masked", "status", "stop", "stop_value"]


def core_file():
    """The path of the core that gdb has open."""
    found = re.search(r"core dump file:\n\s+`(.*)', file type", gdb.execute("info files", to_string=True))
    if found is None:
        raise gdb.GdbError("no core file: gdb -x patchbay-gdb.py PROGRAM CORE")
    return found.group(1)


def padded(size):
    return (size + 3) & ~3


def notes(data, offset, size):
    """Name, kind and contents of each note of a segment."""
    end = offset + size
    while offset < end:
        name_size, size, kind = struct.unpack_from("<III", data, offset)
        name = data[offset + 12 : offset + 12 + name_size].rstrip(b"\0")
        offset += 12 + padded(name_size)
        yield name, kind, data[offset : offset + size]
        offset += padded(size)


def read_cpus(path):
    """The registers of every CPU that ran the process, each a dictionary of signed words."""
    with open(path, "rb") as file:
        data = file.read()
    if data[:6] != b"\x7fELF\x02\x01" or struct.unpack_from("<H", data, 18)[0] != EM_TOY:
        raise gdb.GdbError("%s: is no core of patchbay's machine" % path)
    (headers,) = struct.unpack_from("<Q", data, 32)
    entry, count = struct.unpack_from("<HH", data, 54)
    cpus = []
    for i in range(count):
        at = headers + i * entry
        kind, _, offset = struct.unpack_from("<IIQ", data, at)
        (size,) = struct.unpack_from("<Q", data, at + 32)
        if kind != PT_NOTE:
            continue
        for name, note, words in notes(data, offset, size):
            if name == b"CORE" and note == NT_PRSTATUS:
                cpus.append(dict(zip(FIELDS, struct.unpack("<%di" % len(FIELDS), words))))
    return cpus


def symbol(address):
    """`main + 6`, or nothing for a number that is in no section."""
    said = gdb.execute("info symbol 0x%x" % address, to_string=True)
    return "" if said.startswith("No symbol") else said.split(" in section")[0].strip()


def choose(cpus, index):
    """Makes the registers of a CPU gdb's variables."""
    for name, value in cpus[index].items():
        gdb.set_convenience_variable(name if re.match(r"r\d", name) else "toy_" + name, value)


def index_of(argument, cpus):
    if not argument.isdigit() or int(argument) >= len(cpus):
        raise gdb.GdbError("'%s' is no CPU: there are 0 to %d" % (argument, len(cpus) - 1))
    return int(argument)


class Toy(gdb.Command):
    """Commands for cores of patchbay's machine: toy registers, toy cpu N."""

    def __init__(self):
        super().__init__("toy", gdb.COMMAND_DATA, prefix=True)


class Registers(gdb.Command):
    """Show the registers of every CPU, or of one: toy registers [N]"""

    def __init__(self):
        super().__init__("toy registers", gdb.COMMAND_DATA)

    def invoke(self, argument, from_tty):
        cpus = read_cpus(core_file())
        for i in range(len(cpus)) if argument == "" else [index_of(argument, cpus)]:
            print("cpu %d" % i)
            for name, value in cpus[i].items():
                word = value & 0xFFFFFFFF
                print(("%-10s 0x%-8x  %-11d  %s" % (name, word, value, symbol(word))).rstrip())


class Choose(gdb.Command):
    """Make the registers of a CPU the variables $r0 to $r15, $toy_pc, $toy_flags: toy cpu N"""

    def __init__(self):
        super().__init__("toy cpu", gdb.COMMAND_DATA)

    def invoke(self, argument, from_tty):
        cpus = read_cpus(core_file())
        choose(cpus, index_of(argument, cpus))


Toy()
Registers()
Choose()

# The core of gdb's command line is open by now. For one that is opened later, `toy cpu 0` does this.
try:
    choose(read_cpus(core_file()), 0)
except (gdb.GdbError, IndexError):
    pass
