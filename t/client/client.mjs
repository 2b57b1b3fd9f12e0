// A VAL server, as swagger-client makes one of a description of OpenAPI:
//
//     node t/client/client.mjs FOLDER FILE SERVER TOKEN
//
// reads lines of JSON, the parameters of RetrieveKeyMgmtInfo, and says a line of
// JSON for each: status, headers and body of the answer. SERVER is a host and a
// port with TLS. FOLDER has the node_modules of t/client/package.json.

import { createInterface } from 'node:readline';
import { createRequire } from 'node:module';
import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';

const [folder, file, server, token] = process.argv.slice(2);
const require = createRequire(resolve(folder, 'package.json'));
const SwaggerClient = require('swagger-client');
const { load } = require('js-yaml');

const client = await SwaggerClient({
  spec: load(readFileSync(file, 'utf8')),
  authorizations: { accessToken: { value: token } },
});

const retrieve = client.apis['key retrieval'].RetrieveKeyMgmtInfo;

for await (const line of createInterface({ input: process.stdin })) {
  const { status, headers, text } = await retrieve(JSON.parse(line), {
    server: 'https://{server}', serverVariables: { server },
  }).catch(({ response, message }) => response ?? { text: message });

  console.log(JSON.stringify({ status, headers, body: text }));
}
