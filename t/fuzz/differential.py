#!/usr/bin/env python3
"""What our JSON decoder takes, node's and python3's read the same.

    differential.py READ_JSON FOLDER ...

READ_JSON is t/fuzz/read_json.c, compiled.  Each file of the folders is read, and
once more without its first byte, which tells some fuzzers what the rest is; and
so are mutants of what is JSON.  That others take more is theirs: I-JSON
(RFC 7493) is narrower.
"""

import json
import os
import random
import struct
import subprocess
import sys
import tempfile

MUTANTS = 4     # of each text that is JSON


class Twice(ValueError):
    """A name that is there twice, of which JSON says nothing."""


def members(pairs):
    if len({name for name, _ in pairs}) < len(pairs):
        raise Twice
    return dict(pairs)


def show(value):
    if value is None:
        return 'null'
    if isinstance(value, bool):
        return 'true' if value else 'false'
    if isinstance(value, str):
        return 's' + value.encode().hex()
    if isinstance(value, (int, float)):
        return 'n' + struct.pack('>d', float(value) + 0.0).hex()
    if isinstance(value, list):
        return '[' + ','.join(map(show, value)) + ']'
    return '{' + ','.join(name + ':' + show(member) for name, member in sorted(
        (name.encode().hex(), member) for name, member in value.items())) + '}'


def constant(name):
    raise ValueError(name)


def python(path):
    try:
        with open(path, 'rb') as file:
            return show(json.loads(file.read().decode('utf-8'),
                                   object_pairs_hook=members,
                                   parse_constant=constant))
    except (ValueError, OverflowError, RecursionError):
        return '-'


def read(command, paths):
    return subprocess.run(command, input='\n'.join(paths) + '\n', text=True,
                          check=True, stdout=subprocess.PIPE).stdout.splitlines()


def texts(folders):
    found = set()
    for folder in folders:
        for top, _, names in os.walk(folder):
            for name in names:
                with open(os.path.join(top, name), 'rb') as file:
                    text = file.read()
                found.update((text, text[1:]))
    return sorted(found)


def mutant(text):
    text = bytearray(text)
    for _ in range(random.randint(1, 3)):
        at = random.randrange(len(text) + 1)
        text[at:at + random.randint(0, 2)] = random.choice(
            (b'', b'0', b'-', b'e9', b'.5', b'"', b'\\', b'\\u0000', b'\\ud800',
             b'\\ud83d\\ude00', b'{', b'}', b'[', b']', b',', b':', b' ', b'\xff',
             b'\xc3\xa9', b'\xed\xa0\x80', b'\x00', b'1e308', b'123456789012345678',
             b'null', b'"a":1,', bytes([random.randrange(256)])))
    return bytes(text)


def compare(reader, all_texts, folder):
    paths = []
    for i, text in enumerate(all_texts):
        paths.append(os.path.join(folder, str(i)))
        with open(paths[-1], 'wb') as file:
            file.write(text)
    ours = read([reader], paths)
    node = read(['node', os.path.join(os.path.dirname(os.path.abspath(__file__)),
                                      'read_json.mjs')], paths)
    assert len(ours) == len(paths) == len(node)
    wrong = 0
    for path, our, other in zip(paths, ours, node):
        mine = python(path) if our != '-' else '-'
        if our != '-' and not our == other == mine:
            with open(path, 'rb') as file:
                print(f'{file.read()!r}\n  ours   {our}\n  node   {other}\n  python {mine}')
            wrong += 1
    return [text for text, our in zip(all_texts, ours) if our != '-'], wrong


def main():
    sys.setrecursionlimit(100_000)
    seed = int(os.environ.get('SEAL_KM_SEED') or random.randrange(1 << 32))
    random.seed(seed)
    reader, *folders = sys.argv[1:]
    given = texts(folders)
    with tempfile.TemporaryDirectory() as folder:
        good, wrong = compare(reader, given, folder)
        more = sorted({mutant(text) for text in good for _ in range(MUTANTS)})
        taken, others = compare(reader, more, folder)
    print(f'differential: {len(given)} texts, {len(good)} of them JSON; {len(more)} '
          f'mutants, {len(taken)} of them JSON; seed {seed}')
    if wrong + others:
        sys.exit(f'{wrong + others} texts are read otherwise by node or python3')
    if len(good) < 10:
        sys.exit('there was nothing to compare')


main()
