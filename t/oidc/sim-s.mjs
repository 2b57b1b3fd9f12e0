// A SIM-S for t/oidc-provider.t: npm's oidc-provider on a loopback port, with
// keys that are made here and rotated when it is told to.
//
//     node t/oidc/sim-s.mjs FOLDER PORT
//
// FOLDER has the node_modules of t/oidc/package.json. It ends with its standard
// input, which also has the commands, a line of JSON each, answered by a line:
//
//     {"keys":["a:ES256","b:RS256"]}    the provider has these keys from now on,
//                                       as KID:ALG; made when first named. Of
//                                       an algorithm the first one signs
//     {"requests":true}                 what was asked of the jwks_uri so far

import { createServer } from 'node:http';
import { X509Certificate, generateKeyPairSync } from 'node:crypto';
import { createInterface } from 'node:readline';
import { resolve } from 'node:path';
import { pathToFileURL } from 'node:url';

const [folder, port] = process.argv.slice(2);
const main = resolve(folder, 'node_modules/oidc-provider/lib/index.js');
const { default: Provider } = await import(pathToFileURL(main));

const issuer = `http://127.0.0.1:${port}`;
const resource = 'https://skm-s.example/seal-km';
const made = new Map();
const fetches = [];
let handler;

function makeKey(name) {
  const [kid, alg] = name.split(':');
  const { privateKey } = {
    ES256: () => generateKeyPairSync('ec', { namedCurve: 'P-256' }),
    ES384: () => generateKeyPairSync('ec', { namedCurve: 'P-384' }),
    EdDSA: () => generateKeyPairSync('ed25519'),
    RS256: () => generateKeyPairSync('rsa', { modulusLength: 2048 }),
    PS256: () => generateKeyPairSync('rsa', { modulusLength: 2048 }),
  }[alg]();
  return { ...privateKey.export({ format: 'jwk' }), kid, alg, use: 'sig' };
}

function client(id, more) {
  return {
    client_id: id,
    client_secret: `${id}-secret`,
    grant_types: ['client_credentials'],
    response_types: [],
    redirect_uris: [],
    token_endpoint_auth_method: 'client_secret_post',
    ...more,
  };
}

// A resource is the SKM-S, with "?alg=" and "?ttl=" for tokens of another kind.
function resourceServer(ctx, indicator) {
  const url = new URL(indicator);
  return {
    scope: 'seal:km seal:other',
    audience: resource,
    accessTokenTTL: Number(url.searchParams.get('ttl') ?? 300),
    accessTokenFormat: 'jwt',
    jwt: { sign: { alg: url.searchParams.get('alg') ?? 'ES256' } },
  };
}

function serve(names) {
  for (const name of names) {
    if (!made.has(name)) made.set(name, makeKey(name));
  }

  const provider = new Provider(issuer, {
    jwks: { keys: names.map((name) => ({ ...made.get(name) })) },
    clients: [
      client('val-1'),
      client('val-2', { tls_client_certificate_bound_access_tokens: true }),
    ],
    scopes: ['seal:km', 'seal:other'],
    cookies: { keys: ['none is ever set'] },
    ttl: {
      ClientCredentials: (ctx, token) => (
        token.resourceServer?.accessTokenTTL ?? 300),
    },
    enabledJWA: {
      idTokenSigningAlgValues: ['ES256', 'ES384', 'EdDSA', 'RS256', 'PS256'],
    },
    clientDefaults: { id_token_signed_response_alg: names[0].split(':')[1] },
    features: {
      devInteractions: { enabled: false },
      clientCredentials: { enabled: true },
      resourceIndicators: {
        enabled: true,
        getResourceServerInfo: resourceServer,
      },
      // the certificate that a proxy in front of it would have seen
      mTLS: {
        enabled: true,
        certificateBoundAccessTokens: true,
        getCertificate(ctx) {
          const der = ctx.get('x-client-certificate');
          return der && new X509Certificate(Buffer.from(der, 'base64'));
        },
      },
    },
    extraTokenClaims() {
      return { val_service: 'v2x.example', roles: ['reader', 'x'] };
    },
  });
  handler = provider.callback();
}

const server = createServer((request, response) => {
  if (request.url.startsWith('/jwks')) {
    fetches.push({ line: `${request.method} ${request.url}`,
      headers: request.headers });
  }
  handler(request, response);
});

const commands = createInterface({ input: process.stdin });

commands.on('line', (line) => {
  const command = JSON.parse(line);
  if (command.keys) serve(command.keys);
  process.stdout.write(`${JSON.stringify(command.requests ? fetches : 'ok')}\n`);
});
commands.on('close', () => process.exit(0));

serve(['first:ES256']);
server.listen(Number(port), '127.0.0.1', () => {
  process.stdout.write('"listens"\n');
});
