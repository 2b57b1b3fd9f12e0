// What t/openapi.t asks about a description of OpenAPI 3.1:
//
//     node t/openapi/openapi.mjs FOLDER lint FILE ...  what a linter finds, and a
//                                line for each file, of how much; fails if that is
//                                anything
//     node t/openapi/openapi.mjs FOLDER examples FILE  the examples in it, a line
//                                of JSON each: path, method, and either name,
//                                query and body, or name, status and answer
//     node t/openapi/openapi.mjs FOLDER validate FILE  reads lines of JSON: path,
//                                method, and either request, a body, or status,
//                                headers and body, all as they were sent. Says a
//                                line for each: nothing, or what is wrong
//
// FOLDER has the node_modules of t/openapi/package.json.

import { createInterface } from 'node:readline';
import { createRequire } from 'node:module';
import { resolve } from 'node:path';

const [folder, command, file, ...others] = process.argv.slice(2);
const require = createRequire(resolve(folder, 'package.json'));
const { bundle, createConfig, formatProblems, getTotals, lint } = require('@redocly/openapi-core');
const { default: Ajv } = require('ajv/dist/2020.js');
const { default: addFormats } = require('ajv-formats');

const MEDIA_TYPE = 'application/json';
const config = await createConfig({ extends: ['recommended-strict'] });

const ajv = addFormats(new Ajv({ allErrors: true, strict: true, strictTypes: false,
  strictRequired: false }));
const compiled = new Map();
let description;

// an operation's own parameters, and those of its path
function* operations() {
  for (const [path, item] of Object.entries(description.paths)) {
    for (const method of ['get', 'put', 'post', 'delete', 'options', 'head', 'patch', 'trace']) {
      if (item[method]) {
        const parameters = [...(item.parameters ?? []), ...(item[method].parameters ?? [])];
        yield { path, method: method.toUpperCase(), operation: item[method], parameters };
      }
    }
  }
}

function findings(schema, value) {
  if (!compiled.has(schema)) {
    compiled.set(schema, ajv.compile(schema));
  }

  const validate = compiled.get(schema);
  return validate(value) ? [] : validate.errors.map((e) => `${e.instancePath} ${e.message}`);
}

function parse(text) {
  try {
    return { value: JSON.parse(text) };
  } catch {
    return { error: 'no JSON' };
  }
}

function ofBody(content, type, text) {
  const media = content?.[type];
  const { value, error } = parse(text);

  if (!media) {
    return [`type ${type} is not described`];
  }

  return error ? [error] : findings(media.schema, value);
}

function ofHeaders(described, headers) {
  return Object.entries(described ?? {}).flatMap(([name, { required, schema }]) => {
    const text = headers[name.toLowerCase()];

    if (text === undefined) {
      return required ? [`${name} is missing`] : [];
    }

    const value = /^(0|[1-9]\d*)$/.test(text) ? Number(text) : text;
    return findings(schema, value).map((finding) => `${name}${finding}`);
  });
}

function validate({ path, method, request, status, headers, body }) {
  const operation = description.paths[path]?.[method.toLowerCase()];

  if (!operation) {
    return [`${method} ${path} is not described`];
  }

  if (request !== undefined) {
    return ofBody(operation.requestBody?.content, MEDIA_TYPE, request);
  }

  const response = operation.responses[status];

  return response
    ? [...ofHeaders(response.headers, headers),
      ...ofBody(response.content, headers['content-type'], body)]
    : [`status ${status} is not described`];
}

// of one name are a body and the parameters of a request
function* requests({ operation, parameters }) {
  const named = new Map();
  const at = (name) => named.get(name) ?? named.set(name, { name, query: {} }).get(name);

  for (const [name, { value }] of
    Object.entries(operation.requestBody?.content[MEDIA_TYPE]?.examples ?? {})) {
    at(name).body = value;
  }

  for (const parameter of parameters.filter((p) => p.in === 'query')) {
    const media = parameter.content?.[MEDIA_TYPE];

    for (const [name, { value }] of
      Object.entries(media?.examples ?? parameter.examples ?? {})) {
      at(name).query[parameter.name] = media ? JSON.stringify(value) : value;
    }
  }

  yield* named.values();
}

function* answers({ operation }) {
  for (const [status, { content }] of Object.entries(operation.responses)) {
    for (const { examples } of Object.values(content ?? {})) {
      for (const [name, { value }] of Object.entries(examples ?? {})) {
        yield { name, status, answer: value };
      }
    }
  }
}

function examples() {
  for (const found of operations()) {
    for (const example of [...requests(found), ...answers(found)]) {
      console.log(JSON.stringify({ path: found.path, method: found.method, ...example }));
    }
  }
}

async function validateLines() {
  for await (const line of createInterface({ input: process.stdin })) {
    console.log(validate(JSON.parse(line)).join('; '));
  }
}

async function lintFiles() {
  for (const ref of [file, ...others]) {
    const problems = await lint({ ref, config });

    formatProblems(problems, { totals: getTotals(problems), format: 'stylish' });
    console.log(`${ref}: ${problems.length} found by the linter`);
    process.exitCode ||= problems.length > 0 ? 1 : 0;
  }
}

if (command === 'lint') {
  await lintFiles();
} else {
  // everything in place, where there was a $ref
  const { bundle: bundled } = await bundle({ ref: file, config, dereference: true });

  description = bundled.parsed;
  await { examples, validate: validateLines }[command]();
}
