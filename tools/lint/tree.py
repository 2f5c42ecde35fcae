"""The files that lint looks at, and how each is compiled."""
import os
import shutil
import subprocess
import tempfile

SOURCE_DIRS = ("core", "platform", "posix_x", "lib", "userland", "tests", "bench", "tools")
SKIP_DIRS = {".git", "autom4te.cache", "build"}
FREESTANDING = ("stdint.h", "stddef.h", "stdbool.h", "stdarg.h", "stdatomic.h", "stdalign.h")
# What the six headers above include themselves, in gcc and in clang.
FREESTANDING_INNER = ("stdint-gcc.h", "__stddef_max_align_t.h")
WARNINGS = ["-Wall", "-Wextra", "-Wconversion", "-Wshadow", "-Wvla", "-Werror"]


def files(root, extensions):
    """All files below the source folders whose names end in one of `extensions`, sorted."""
    found = []
    for top in SOURCE_DIRS:
        for where, dirs, names in os.walk(os.path.join(root, top)):
            dirs[:] = sorted(d for d in dirs if d not in SKIP_DIRS and not d.startswith("build-"))
            for name in names:
                if name.endswith(extensions):
                    found.append(os.path.relpath(os.path.join(where, name), root))
    return sorted(found)


class Compilers:
    """The two compilers, each with a folder that holds the freestanding headers and nothing else."""

    def __init__(self):
        self.gcc = shutil.which("gcc")
        self.clang = shutil.which("clang-14") or shutil.which("clang")
        self._temp = tempfile.TemporaryDirectory(prefix="exo-lint-")
        self._sets = {}
        for compiler in (self.gcc, self.clang):
            if compiler is not None:
                self._sets[compiler] = self._make_set(compiler)

    def _make_set(self, compiler):
        own = subprocess.run([compiler, "-print-file-name=include"], check=True,
                             capture_output=True, text=True).stdout.strip()
        folder = os.path.join(self._temp.name, os.path.basename(compiler))
        os.mkdir(folder)
        for name in FREESTANDING + FREESTANDING_INNER:
            source = os.path.join(own, name)
            if os.path.exists(source):
                os.symlink(source, os.path.join(folder, name))
        return folder

    def all(self):
        return [c for c in (self.gcc, self.clang) if c is not None]

    def freestanding_flags(self, compiler):
        return ["-ffreestanding", "-nostdinc", "-isystem", self._sets[compiler]]


def _below(path, folder):
    return path == folder or path.startswith(folder + "/")


def platforms_of(path):
    """The back ends for which `path` is compiled; "sim" is the hosted one with simulated CPUs."""
    if _below(path, "platform/hosted/sim") or _below(path, "tests/sim"):
        return ["sim"]
    if any(_below(path, folder) for folder in ("platform/hosted", "tests/hosted", "tests/fuzz", "bench/hosted")):
        return ["hosted"]
    if is_native(path):
        return ["hosted"]
    if _below(path, "platform/x86_64"):
        return ["x86_64"]
    if _below(path, "tests/kernel/x86") or path == "tests/kernel/assert.c" or \
            path == "tests/kernel/check.h":
        return ["x86_64"]
    return ["hosted", "x86_64"]


def is_program(path):
    """Host and user programs: plain C of the host."""
    return _below(path, "tests/programs") or _below(path, "tools") or _below(path, "posix_x/lib")


def is_native(path):
    """Programs of Exo-OS itself: nothing of the host's, one build for both back ends."""
    return _below(path, "lib") or _below(path, "userland") or _below(path, "tests/native")


def is_core(path):
    return _below(path, "core") or _below(path, "posix_x/kernel") or _below(path, "posix_x/include")


def compile_flags(path, compiler, compilers, platform):
    """Flags that compile `path` for `platform`, warnings as errors, no output."""
    flags = ["-std=gnu17", "-O1", "-fsyntax-only", "-I.", "-Icore/include"] + WARNINGS
    if is_program(path):
        return flags + ["-D_GNU_SOURCE"]
    if is_native(path):
        return flags + ["-Ilib/include", "-fPIE"] + compilers.freestanding_flags(compiler)
    if platform == "sim":
        flags += ["-Iplatform/hosted/sim", "-Iplatform/hosted", "-DHOSTED_TSAN=0", "-D_GNU_SOURCE"]
        if _below(path, "tests"):
            flags += ["-Itests/kernel", "-Itests/include", "-DEXO_CONFIG_TEST=1"]
        return flags
    flags += ["-Iplatform/" + platform]
    if _below(path, "tests") or _below(path, "bench"):
        side = "kernel" if platform == "x86_64" else "hosted"
        flags += ["-Itests/" + side, "-Itests/include", "-DEXO_CONFIG_TEST=1"]
        if _below(path, "tests/core"):
            flags += ["-Icore/" + os.path.dirname(path)[len("tests/core/"):]]
    hosted_test = platform == "hosted" and (_below(path, "tests") or _below(path, "bench"))
    if _below(path, "platform/hosted") or hosted_test:
        return flags + ["-D_GNU_SOURCE"]
    flags += compilers.freestanding_flags(compiler) + ["-mgeneral-regs-only"]
    if platform == "x86_64":
        flags += ["-mcmodel=kernel", "-mno-red-zone", "-fno-pic"]
    return flags
