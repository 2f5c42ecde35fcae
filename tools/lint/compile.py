"""headers, freestanding, warnings: what the compilers say about each file, for each back end."""
import concurrent.futures
import os
import subprocess

import tree


def run_all(jobs, workers, lines_max=12):
    """Run (label, command, stdin, cwd) jobs; return "label: first lines" for each that failed."""
    def one(job):
        label, command, text, cwd = job
        done = subprocess.run(command, input=text, cwd=cwd, text=True, capture_output=True,
                              check=False)
        if done.returncode == 0:
            return None
        said = (done.stderr + done.stdout).strip().splitlines()
        return "%s:\n    %s" % (label, "\n    ".join(said[:lines_max]))
    with concurrent.futures.ThreadPoolExecutor(workers) as pool:
        return [said for said in pool.map(one, jobs) if said is not None]


def _jobs(root, context, paths, make):
    jobs = []
    for path in paths:
        for platform in tree.platforms_of(path):
            for compiler in context.compilers.all():
                flags = tree.compile_flags(path, compiler, context.compilers, platform)
                if "clang" in os.path.basename(compiler):
                    flags = flags + ["-Wthread-safety"]
                    if tree.is_core(path):
                        flags = flags + ["-Watomic-implicit-seq-cst"]
                label = "%s (%s, %s)" % (path, os.path.basename(compiler), platform)
                command, text = make(path, compiler, flags)
                jobs.append((label, command, text, root))
    return jobs


def headers(root, context):
    """Every header compiles alone. One without a guard says so: it is included with X defined."""
    paths = []
    for path in tree.files(root, (".h",)):
        with open(os.path.join(root, path), encoding="utf-8") as f:
            if "No guard:" not in f.read(2000):
                paths.append(path)

    def make(path, compiler, flags):
        if os.path.basename(path) == "check.h":
            return [compiler] + flags + ["-x", "c", "-"], "#include <check.h>\n"
        return [compiler] + flags + ["-x", "c", "-"], '#include "%s"\n' % path
    return run_all(_jobs(root, context, paths, make), context.workers)


def _sources(root, wanted):
    return [p for p in tree.files(root, (".c",)) if tree.is_core(p) == wanted]


def freestanding(root, context):
    """Core and personality compile with -nostdinc and the freestanding headers, warnings as errors."""
    def make(path, compiler, flags):
        return [compiler] + flags + [path], None
    return run_all(_jobs(root, context, _sources(root, True), make), context.workers)


def warnings(root, context):
    """Platforms, tests, benchmarks and tools compile with both compilers, warnings as errors."""
    def make(path, compiler, flags):
        return [compiler] + flags + [path], None
    return run_all(_jobs(root, context, _sources(root, False), make), context.workers)
