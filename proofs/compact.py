"""Strips the types and the white space of a JSON extraction: one declaration per line.

Usage: compact.py < model.json > extracted/model.json
"""

import json
import sys

TYPES = {"type", "argtypes", "signature", "typs"}


def strip(value):
    if isinstance(value, dict):
        return {key: strip(item) for key, item in value.items() if key not in TYPES}
    if isinstance(value, list):
        return [strip(item) for item in value]
    return value


model = strip(json.load(sys.stdin))
declarations = model.pop("declarations")
lines = ",\n".join(json.dumps(item, separators=(",", ":")) for item in declarations)
head = json.dumps(model, separators=(",", ":"))[:-1]
print(f'{head},"declarations":[\n{lines}\n]}}')
