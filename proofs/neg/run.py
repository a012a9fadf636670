"""Each change of neg/*.txt must turn its check red, and for its reason.

Usage: run.py DIR, where DIR is a copy of proofs/ that is compiled.

A change is a text file:
    check: the steps of check.sh, of which the last must turn red
    says: what that step must say, a regular expression
    file: the file that is changed
    old: a text that stands there once (or nothing: the new text is put at the end)
    new: what stands there instead
    sources: instead of those of _CoqProject
    headlines: instead of those of theorems.txt
Texts may go on over several lines.
"""

import pathlib
import re
import shutil
import subprocess
import sys
import tempfile

NEG = pathlib.Path(__file__).resolve().parent
KEYS = ("check", "says", "file", "old", "new", "sources", "headlines")


def read(path):
    fields, key = {}, None
    for line in path.read_text().splitlines():
        name = line.split(":", 1)[0]
        if name in KEYS and line.startswith(name + ":") and name not in fields:
            key = name
            line = line.split(":", 1)[1].strip()
        fields[key] = fields[key] + "\n" + line if key in fields else line
    return fields


def change(folder, fields):
    if "sources" in fields:
        paths = "-Q spec Seedloop.Spec\n-Q thm Seedloop.Thm\n"
        (folder / "_CoqProject").write_text(paths + fields["sources"] + "\n")
    if "headlines" in fields:
        (folder / "theorems.txt").write_text(fields["headlines"] + "\n")
    path = folder / fields["file"]
    text = path.read_text() if path.exists() else ""
    if fields.get("old"):
        assert text.count(fields["old"]) == 1, f"{fields['old']!r} stands {text.count(fields['old'])} times"
        text = text.replace(fields["old"], fields["new"])
    else:
        text += fields["new"] + "\n"
    path.write_text(text)


def check(folder, *steps):
    command = [NEG.parent / "check.sh", "--in", folder, *steps]
    result = subprocess.run(command, capture_output=True, text=True)
    return result.returncode, result.stdout + result.stderr


def main(compiled):
    tests = sorted(NEG.glob("*.txt"))
    for test in tests:
        fields = read(test)
        *before, red = fields["check"].split()
        with tempfile.TemporaryDirectory() as scratch:
            folder = pathlib.Path(scratch) / "proofs"
            # The times stay as they are, so that only what follows from the change compiles again.
            shutil.copytree(compiled, folder)
            change(folder, fields)
            for step in before:
                code, output = check(folder, step)
                if code:
                    sys.exit(f"{test.name}: {step} is red already\n{output}")
            code, output = check(folder, red)
        if not code:
            sys.exit(f"{test.name}: {red} stays green")
        if not re.search(fields["says"], output) or f"RED  {red}" not in output:
            sys.exit(f"{test.name}: {red} is red for another reason\n{output}")
        print(f"{red:<10} refuses {test.stem.replace('_', ' ')}")
    print(f"{len(tests)} checks turn red when they should")


main(sys.argv[1])
