// What node reads in files, in the form of read_json.c.

import { readFileSync } from 'node:fs';

const hex = text => Buffer.from(text, 'utf8').toString('hex');

function show(value) {
    if (value === null || typeof value === 'boolean') {
        return String(value);
    }
    if (typeof value === 'string') {
        return 's' + hex(value);
    }
    if (typeof value === 'number') {
        const bytes = Buffer.alloc(8);
        bytes.writeDoubleBE(value + 0);
        return 'n' + bytes.toString('hex');
    }
    if (Array.isArray(value)) {
        return '[' + value.map(show).join(',') + ']';
    }
    return '{' + Object.keys(value).map(name => [hex(name), value[name]])
        .sort((a, b) => (a[0] < b[0] ? -1 : 1))
        .map(([name, member]) => name + ':' + show(member)).join(',') + '}';
}

const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

for (const name of readFileSync(0, 'utf8').split('\n').filter(Boolean)) {
    let line = '-';
    try {
        line = show(JSON.parse(utf8.decode(readFileSync(name))));
    } catch (error) {
        if (!(error instanceof SyntaxError || error instanceof TypeError)) {
            throw error;
        }
    }
    console.log(line);
}
