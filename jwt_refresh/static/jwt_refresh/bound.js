// Binds a session of client.js to a key of this browser (DPoP, RFC 9449). An ES module of its own.
// docs/bound-sessions.md tells how to use it, and bound.d.ts is made of the comments below.

/** @typedef {import("./client.js").Options} Options */
/** @typedef {Omit<Options, "storage">} BoundOptions Those of the session, but for its storage. */

/**
 * What tabs share, in one record, so that a token is never with a key that is not its own.
 * @typedef {object} Kept
 * @property {CryptoKeyPair} key
 * @property {string} [text] What client.js keeps.
 */

const PAIR = { name: "ECDSA", namedCurve: "P-256" };
const SIGNED = { name: "ECDSA", hash: "SHA-256" };
/** The database, and the table in it. */
const PLACE = "jwt_refresh";
/** How long a nonce is used, in milliseconds: our server takes it for longer. */
const NONCE_LIFE = 120_000;

const utf8 = new TextEncoder();

/** @type {(bytes: ArrayBuffer | Uint8Array) => string} */
const base64url = (bytes) =>
  btoa(String.fromCharCode(...new Uint8Array(bytes)))
    .replaceAll("+", "-")
    .replaceAll("/", "_")
    .replaceAll("=", "");

/** @type {(content: object) => string} */
const pack = (content) => base64url(utf8.encode(JSON.stringify(content)));

/**
 * Make options for `createSession`: it keeps its token beside a key that cannot be exported, and
 * proves that it has the key wherever the server asks for that. Rejects without WebCrypto, which
 * needs https or localhost.
 * @param {BoundOptions} [options]
 * @returns {Promise<Options>}
 */
export async function bound(options = {}) {
  const { base = "/auth/", name = base, header = "Authorization" } = options;
  const send = options.fetch ?? globalThis.fetch.bind(globalThis);
  const endpoints = new URL(base, globalThis.document?.baseURI).href;
  const { subtle } = crypto;
  const mark = `${PLACE} bound ${name}`;

  // Made in any case, since a transaction waits for nothing; dropped if there is one.
  /** @type {Kept} */
  let kept = { key: await subtle.generateKey(PAIR, false, ["sign"]) };

  /** @type {Promise<IDBDatabase> | undefined} */
  let opened;
  const open = () =>
    (opened ??= new Promise((resolve, reject) => {
      const request = indexedDB.open(PLACE);
      request.onupgradeneeded = () => request.result.createObjectStore(PLACE);
      request.onerror = reject;
      request.onsuccess = () => {
        const database = request.result;
        // Somebody clears it: not held up, and made anew afterwards.
        database.onversionchange = database.onclose = () => {
          database.close();
          opened = undefined;
        };
        resolve(database);
      };
    }));

  /**
   * Keep what `choose` makes of the record in the database, here and there, in one step.
   * @type {(choose: (stored: Kept | undefined) => Kept) => Promise<void>}
   */
  const exchange = async (choose) => {
    try {
      const transaction = (await open()).transaction(PLACE, "readwrite");
      await new Promise((resolve, reject) => {
        transaction.oncomplete = resolve;
        transaction.onabort = reject;
        const table = transaction.objectStore(PLACE);
        const request = table.get(name);
        request.onsuccess = () => {
          kept = choose(request.result);
          if (kept !== request.result) table.put(kept, name);
        };
      });
    } catch {
      // What is in memory goes on.
      opened = undefined;
    }
  };

  await exchange((stored) => (stored?.key ? stored : kept));
  try {
    // A login is remembered elsewhere. Less than any refresh of it: a tab that has the key goes on.
    const login = Number(kept.text ? 0 : localStorage.getItem(mark));
    const lost = { login, n: -1, end: "key_lost", expires: 0, life: 0, skew: 0 };
    if (login) kept = { ...kept, text: JSON.stringify(lost) };
  } catch {
    // Then nobody knows that there was one.
  }

  let nonce = "";
  let nonceUntil = 0;

  /** @type {(request: Request, token?: string) => Promise<Response>} */
  const prove = async (request, token) => {
    const { privateKey, publicKey } = kept.key;
    const { kty, crv, x, y } = await subtle.exportKey("jwk", publicKey);
    const now = Date.now();
    const claims = {
      jti: crypto.randomUUID(),
      htm: request.method,
      htu: request.url.replace(/[?#].*/, ""),
      iat: Math.floor(now / 1000),
      nonce: now < nonceUntil ? nonce : undefined,
      ath: token && base64url(await subtle.digest("SHA-256", utf8.encode(token))),
    };
    const head = { typ: "dpop+jwt", alg: "ES256", jwk: { kty, crv, x, y } };
    const message = `${pack(head)}.${pack(claims)}`;
    const signature = await subtle.sign(SIGNED, privateKey, utf8.encode(message));
    request.headers.set("DPoP", `${message}.${base64url(signature)}`);
    return send(request);
  };

  return {
    ...options,
    async fetch(input, init) {
      const request = new Request(input, init);
      const token = /^DPoP (.+)/.exec(request.headers.get(header) ?? "")?.[1];
      const isExchange = request.url.startsWith(endpoints) && /(login|refresh)\/$/.test(request.url);
      if (!token && !isExchange) return send(request);
      const again = request.clone();
      const response = await prove(request, token);
      const given = response.headers.get("DPoP-Nonce");
      if (given) {
        nonce = given;
        nonceUntil = Date.now() + NONCE_LIFE;
      }
      const isAsked = response.headers.get("WWW-Authenticate")?.includes("use_dpop_nonce");
      if (response.status !== 401 || !given || !isAsked) return response;
      response.body?.cancel();
      return prove(again, token);
    },
    storage: {
      get: () => kept.text,
      set(_, text) {
        kept = { ...kept, text };
        try {
          const { login, end } = JSON.parse(text);
          if (end) localStorage.removeItem(mark);
          else localStorage.setItem(mark, login);
        } catch {
          // Then a key that is lost later is not told of.
        }
      },
      remove() {},
      sync: (isNewer) =>
        exchange((stored) =>
          stored?.key && !isNewer(kept.text, stored.text) ? stored : kept,
        ),
    },
  };
}
