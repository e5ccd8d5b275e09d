// Clients of others with our endpoints, which are bound to a key: the npm packages "dpop" and
// "oauth4webapi". One JSON document on standard input, the answers on standard output. JOSE is the
// directory in which the packages are installed.
import { createRequire } from "node:module";
import { pathToFileURL } from "node:url";
import { join } from "node:path";

const require = createRequire(join(process.env.JOSE, "package.json"));
const load = (name) => import(pathToFileURL(require.resolve(name)));
const dpop = await load("dpop");
const oauth = await load("oauth4webapi");

async function readAll(stream) {
  const chunks = [];
  for await (const chunk of stream) chunks.push(chunk);
  return Buffer.concat(chunks).toString();
}

// Proofs of "dpop", sent by hand.
async function proving({ base, credentials, algorithm }) {
  const keys = await dpop.generateKeyPair(algorithm);
  const nonces = [];

  async function send(method, path, { token, body } = {}) {
    for (let nonce; ; ) {
      const headers = { "Content-Type": "application/json" };
      headers.DPoP = await dpop.generateProof(keys, base + path, method, nonce, token);
      if (token) headers.Authorization = `DPoP ${token}`;
      const sent = { method, headers, body: body && JSON.stringify(body) };
      const response = await fetch(base + path, sent);
      const asked = response.headers.get("DPoP-Nonce");
      if (!asked || nonce) return await response.json();
      nonces.push(path);
      nonce = asked;
    }
  }

  const first = await send("POST", "/auth/login/", { body: credentials });
  const me = await send("GET", "/me/", { token: first.access_token });
  const refresh = (token) => send("POST", "/auth/refresh/", { body: { refresh_token: token } });
  const second = await refresh(first.refresh_token);
  const again = await refresh(first.refresh_token);
  const after = await send("GET", "/me/", { token: again.access_token });
  const jkt = await dpop.calculateThumbprint(keys.publicKey);
  return { first, second, again, me, after, jkt, nonces };
}

// A whole client, which knows of nonces by itself.
async function client({ base, credentials }) {
  const algorithm = { name: "ECDSA", namedCurve: "P-256" };
  const keys = await crypto.subtle.generateKey(algorithm, false, ["sign"]);
  const who = { client_id: "web" };
  const DPoP = oauth.DPoP(who, keys);
  const options = { DPoP, [oauth.allowInsecureRequests]: true };
  const server = (path) => ({ issuer: base, token_endpoint: `${base}/auth/${path}/` });
  const errors = [];

  // As its documentation has it: ask once more where the server wants its nonce.
  async function twice(act) {
    try {
      return await act();
    } catch (error) {
      errors.push(error.cause?.[0]?.parameters?.error ?? String(error));
      if (!oauth.isDPoPNonceError(error)) throw error;
      return await act();
    }
  }

  async function refresh(token) {
    const at = server("refresh");
    const sent = await oauth.refreshTokenGrantRequest(at, who, oauth.None(), token, options);
    return await oauth.processRefreshTokenResponse(at, who, sent);
  }

  async function me(token) {
    const url = new URL(`${base}/me/?page=2`);
    const response = await oauth.protectedResourceRequest(
      token, "GET", url, undefined, undefined, options,
    );
    return await response.json();
  }

  const first = await twice(async () => {
    const at = server("login");
    const sent = await oauth.genericTokenEndpointRequest(
      at, who, oauth.None(), "password", credentials, options,
    );
    return await oauth.processGenericTokenEndpointResponse(at, who, sent);
  });
  const seen = await twice(() => me(first.access_token));
  const second = await twice(() => refresh(first.refresh_token));
  const again = await twice(() => refresh(first.refresh_token));
  const after = await twice(() => me(again.access_token));
  const jkt = await DPoP.calculateThumbprint();
  return { first, second, again, me: seen, after, jkt, errors };
}

async function answer(question) {
  try {
    return { result: await { proving, client }[question.act](question) };
  } catch (error) {
    return { error: String(error.cause ?? error) };
  }
}

const questions = JSON.parse(await readAll(process.stdin));
const answers = [];
for (const question of questions) answers.push(await answer(question));
process.stdout.write(JSON.stringify(answers));
