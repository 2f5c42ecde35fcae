"""format, tidy, shell: checks that other programs make."""
import os
import shutil

import compile as compiling
import tree


def format_check(root, context):
    """clang-format would change nothing."""
    tool = shutil.which("clang-format-14") or shutil.which("clang-format")
    if tool is None:
        return None
    paths = tree.files(root, (".c", ".h"))
    jobs = [(p, [tool, "--dry-run", "--Werror", "--style=file", p], None, root) for p in paths]
    return compiling.run_all(jobs, context.workers, 2)


def tidy(root, context):
    """clang-tidy with the tree's .clang-tidy, each file for its first back end."""
    tool = shutil.which("clang-tidy-14") or shutil.which("clang-tidy")
    if tool is None or context.compilers.clang is None:
        return None
    jobs = []
    for path in tree.files(root, (".c",)):
        platform = tree.platforms_of(path)[0]
        flags = tree.compile_flags(path, context.compilers.clang, context.compilers, platform)
        command = [tool, "--quiet", "--warnings-as-errors=*", path, "--"] + flags
        jobs.append((path, command, None, root))
    return compiling.run_all(jobs, context.workers)


def _is_shell(root, path):
    with open(os.path.join(root, path), "rb") as f:
        first = f.readline(80)
    return first.startswith(b"#!") and (b"/sh" in first or b"bash" in first)


def shell(root, context):
    """shellcheck has nothing to say."""
    tool = shutil.which("shellcheck")
    if tool is None:
        return None
    paths = [p for p in tree.files(root, ("",)) if _is_shell(root, p)]
    paths += [p for p in ("exo", "bootstrap", ".ci/run")
              if os.path.isfile(os.path.join(root, p)) and _is_shell(root, p)]
    jobs = [(p, [tool, "--severity=warning", "--external-sources", p], None, root) for p in paths]
    return compiling.run_all(jobs, context.workers)
