"""exo - gdb commands that know the kernel: exo threads, bt, runq, log, locks (docs/gdb.md).

    gdb -x tools/gdb/exo.py --args build/hosted/exo-hosted ...
    gdb -x tools/gdb/exo.py -ex 'target remote localhost:1234' build/x86_64/exo.elf

Everything is read from memory by the debug information; nothing in the kernel is called or changed.
"""
import gdb

WORD = 8
FRAMES_MAX = 64
STATE_LETTERS = {"THREAD_READY": "r", "THREAD_RUNNING": "R", "THREAD_BLOCKED": "B", "THREAD_DEAD": "D"}
LOG_LEVELS = ("ERROR", "WARN", "INFO", "DEBUG")
PERCPU_CPU = 12  # exo/hal/percpu.h
GREG_RBP, GREG_RIP = 10, 16  # sys/ucontext.h
GREGS_OFFSET = 40
RING_USER = 3


def static(function, name):
    """The file-local variable `name` of the source file that `function` is in."""
    block = gdb.lookup_global_symbol(function) or gdb.lookup_static_symbol(function)
    if block is None:
        raise gdb.GdbError(f"no function {function}: is this a kernel with debug information?")
    symbol = gdb.lookup_symbol(name, block.symtab.static_block())[0]
    if symbol is None:
        raise gdb.GdbError(f"no variable {name} beside {function}()")
    return symbol.value()


def variable(name):
    symbol = gdb.lookup_global_symbol(name)
    if symbol is None:
        raise gdb.GdbError(f"no variable {name}: is this a kernel with debug information?")
    return symbol.value()


def read_word(address):
    data = gdb.selected_inferior().read_memory(address, WORD)
    return int.from_bytes(data.tobytes(), "little")


def list_nodes(head):
    """Addresses of the nodes of a struct list_node whose head is the value `head`."""
    end = int(head.address)
    at = int(head["next"])
    while at not in (end, 0):
        yield at
        at = read_word(at)  # next is the first member


def container(address, type_name, member):
    """The structure that holds `member` at `address`."""
    kind = gdb.lookup_type(type_name)
    offset = next(field.bitpos // 8 for field in kind.fields() if field.name == member)
    return gdb.Value(address - offset).cast(kind.pointer()).dereference()


def enum_name(number, type_name):
    for field in gdb.lookup_type(type_name).fields():
        if field.enumval == number:
            return field.name
    return str(number)


def symbol_at(address):
    text = gdb.execute(f"info symbol {address:#x}", to_string=True).strip()
    return "" if text.startswith("No symbol") else text.split(" in section")[0]


class Thread:
    """One kernel thread."""

    def __init__(self, value):
        self.value = value
        self.id = int(value["id"])
        self.name = value["name"].string()
        self.cpu = int(value["cpu"])
        self.state = enum_name(int(value["state"]), "enum thread_state")
        self.on_cpu = bool(int(value["on_cpu"]))
        if self.state == "THREAD_RUNNING" and not self.on_cpu:
            self.state = "THREAD_READY"  # an idle thread's never changes

    def saved(self):
        """(pc, frame pointer) of a thread that is switched out; frame pointer 0: it has never run."""
        words = self.value["context"]["words"]
        sp, pc = int(words["sp"]), int(words["pc"])
        if pc == 0:  # the reference switch: sp is a ucontext_t
            registers = sp + GREGS_OFFSET
            return read_word(registers + GREG_RIP * WORD), read_word(registers + GREG_RBP * WORD)
        if function_at(pc) == "switch_begin":
            return pc, 0
        return pc, read_word(sp)  # the switch pushes it last

    def where(self):
        """The innermost function that is not part of switching."""
        if self.on_cpu or self.state == "THREAD_DEAD":
            return "(running)" if self.on_cpu else "(ended)"
        for pc, is_return in walk(*self.saved()):
            name = function_at(pc - 1 if is_return else pc)
            if name not in ("sched_switch", "switch_to", "switch_unusual", "choose", "block", "park",
                            "thread_park", "sync_park", "switch_begin"):
                return name
        return "(not begun)"


def threads():
    head = static("thread_setup", "g_list")
    return [Thread(container(node, "struct thread", "all_node")) for node in list_nodes(head)]


def thread_named(text):
    found = [thread for thread in threads() if text in (thread.name, str(thread.id))]
    if not found:
        raise gdb.GdbError(f"no thread is called {text}; see: exo threads")
    return found


def function_at(pc):
    """The function that holds pc, not one that was inlined there."""
    block = gdb.block_for_pc(pc)
    while block is not None:
        if block.function is not None and not block.function.is_argument and \
                (block.superblock is None or block.superblock.is_static or block.superblock.is_global):
            return block.function.print_name
        block = block.superblock
    name = symbol_at(pc)
    return name.split(" + ")[0] if name else "??"


def place_of(pc):
    line = gdb.find_pc_line(pc)
    return f" at {line.symtab.filename}:{line.line}" if line.symtab is not None else ""


def walk(pc, frame):
    """Every (pc, whether it is a return address), innermost first, by frame pointers."""
    yield pc, False
    for _ in range(FRAMES_MAX):
        if frame == 0 or frame % WORD != 0:
            return
        try:
            caller, back = read_word(frame), read_word(frame + WORD)
        except gdb.MemoryError:
            return
        if back == 0:
            return
        yield back, True
        if caller <= frame:
            return
        frame = caller


def print_walk(pc, frame):
    for index, (at, is_return) in enumerate(walk(pc, frame)):
        inside = at - 1 if is_return else at
        print(f"#{index:<3} {at:#018x} in {function_at(inside)}{place_of(inside)}")


def is_hosted():
    return gdb.lookup_global_symbol("hosted_boot") is not None


def cpu_of(host_thread):
    """The CPU that a thread of gdb's is, or None."""
    if is_hosted():
        cpus = static("hosted_cpu", "g_cpu")
        count = int(static("hosted_cpu", "g_cpu_count"))
        return next((cpu for cpu in range(count)
                     if host_thread.ptid[1] == int(cpus[cpu]["tid"])), None)
    host_thread.switch()
    for register in ("$gs_base", "$k_gs_base"):  # in user mode they are the other way round
        base = int(gdb.parse_and_eval(register)) & (1 << 64) - 1
        if base >> 47 == (1 << 17) - 1:
            return read_word(base + PERCPU_CPU) & 0xffffffff
    return None


def with_cpu(cpu, action):
    """Call action() with gdb's thread of that CPU selected; False if there is none."""
    before = gdb.selected_thread()
    try:
        for host_thread in gdb.selected_inferior().threads():
            if host_thread.is_valid() and cpu_of(host_thread) == cpu:
                host_thread.switch()
                action()
                return True
        return False
    finally:
        before.switch()


def print_running():
    if not is_hosted() and int(gdb.parse_and_eval("$cs")) & RING_USER == RING_USER:
        print(f"    (user code at {int(gdb.parse_and_eval('$rip')):#x})")
        return
    gdb.execute(f"backtrace {FRAMES_MAX}")


class Exo(gdb.Command):
    """Look into the kernel: threads, bt, runq, log, locks."""

    def __init__(self):
        super().__init__("exo", gdb.COMMAND_STATUS, gdb.COMPLETE_NONE, True)


class Threads(gdb.Command):
    """exo threads - all kernel threads: id, CPU, state (R running, r ready, B blocked, D dead), level, place."""

    def __init__(self):
        super().__init__("exo threads", gdb.COMMAND_STATUS)

    def invoke(self, _argument, _from_tty):
        print("  id cpu state level  name                     where")
        for thread in threads():
            print(f"{thread.id:4} {thread.cpu:3} {STATE_LETTERS.get(thread.state, '?'):5} "
                  f"{int(thread.value['entity']['level']):5}  {thread.name:24} {thread.where()}")


class Backtrace(gdb.Command):
    """exo bt NAME|ID - the stack of a thread, whether it runs on a CPU or is switched out."""

    def __init__(self):
        super().__init__("exo bt", gdb.COMMAND_STACK)

    def invoke(self, argument, _from_tty):
        if not argument:
            raise gdb.GdbError("usage: exo bt NAME|ID")
        for thread in thread_named(argument):
            print(f"thread {thread.id} {thread.name}: {thread.state[len('THREAD_'):].lower()}"
                  + (f" on CPU {thread.cpu}" if thread.on_cpu else ", switched out"))
            if not thread.on_cpu:
                print_walk(*thread.saved())
            elif not with_cpu(thread.cpu, print_running):
                print(f"    (gdb sees no CPU {thread.cpu})")


class RunQueues(gdb.Command):
    """exo runq - per CPU the current thread, and who waits: level, virtual time, moving average of bursts."""

    def __init__(self):
        super().__init__("exo runq", gdb.COMMAND_STATUS)

    def invoke(self, _argument, _from_tty):
        cpus = variable("g_sched_cpu")
        waiting = [thread for thread in threads() if int(thread.value["entity"]["queued"])]
        for cpu in range(int(variable("g_sched_cpu_limit"))):
            queue = cpus[cpu]["queue"]
            current = Thread(queue["current"].dereference())
            print(f"CPU {cpu}: {current.name}/{current.id} runs, {int(queue['count'])} waiting")
            for thread in waiting:
                entity = thread.value["entity"]
                if int(entity["home"]) == int(queue.address):
                    print(f"    {thread.name}/{thread.id} level {int(entity['level'])} "
                          f"vtime {int(entity['vtime'])} burst {int(entity['burst_average'])}")


class Log(gdb.Command):
    """exo log - the kernel log of all CPUs, oldest first."""

    def __init__(self):
        super().__init__("exo log", gdb.COMMAND_STATUS)

    def invoke(self, _argument, _from_tty):
        records = []
        rings = static("klog", "g_ring")
        record_type = gdb.lookup_type("struct klog_record")
        low, high = rings.type.range()
        for cpu in range(low, high + 1):
            if int(rings[cpu]) == 0:
                continue
            slots = rings[cpu].dereference()["slot"]
            first, last = slots.type.range()
            for index in range(first, last + 1):
                state = int(slots[index]["state"])
                if state != 0 and state % 2 == 0:
                    record = gdb.Value(int(slots[index]["word"].address)).cast(record_type.pointer())
                    records.append((state, record.dereference()))
        for _, record in sorted(records, key=lambda pair: pair[0]):
            time_ns = int(record["time_ns"])
            print(f"[{time_ns // 10**9:5}.{time_ns // 1000 % 10**6:06}] cpu{int(record['cpu'])} "
                  f"{LOG_LEVELS[int(record['level'])]:5} {record['module'].string()}: "
                  f"{record['text'].string()}")


def rank_name(rank):
    name = enum_name(rank, "enum lock_rank")
    return name[len("RANK_"):].lower().replace("_", "-") if name.startswith("RANK_") else f"rank {rank}"


class Locks(gdb.Command):
    """exo locks - spinlocks that CPUs hold (builds with lock checks), and locks that threads wait for."""

    def __init__(self):
        super().__init__("exo locks", gdb.COMMAND_STATUS)

    def spinlocks(self):
        held = static("spin_debug_acquired", "g_held")
        low, high = held.type.range()
        count = 0
        for cpu in range(low, high + 1):
            for index in range(int(held[cpu]["count"])):
                lock = held[cpu]["lock"][index]
                print(f"CPU {cpu} holds {rank_name(int(lock['rank']))} {int(lock):#x} {symbol_at(int(lock))}")
                count += 1
        return count

    def sleeping(self):
        count = 0
        for thread in threads():
            for node in list_nodes(thread.value["held"]):
                lock = container(node, "struct inherit", "held_node")
                print(f"thread {thread.name}/{thread.id} holds {int(lock.address):#x} "
                      f"{symbol_at(int(lock.address))}, others wait for it")
                count += 1
        return count

    def invoke(self, _argument, _from_tty):
        if self.spinlocks() + self.sleeping() == 0:
            print("no lock is held")


def start():
    for command in (Exo, Threads, Backtrace, RunQueues, Log, Locks):
        command()
    # The hosted machine's interrupts.
    gdb.execute("handle SIGUSR1 SIGALRM nostop noprint pass", to_string=True)


start()
