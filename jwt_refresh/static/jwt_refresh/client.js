// A session in a browser that refreshes by itself. One ES module, no dependency, no build step.
// docs/browsers.md tells how to use it, and client.d.ts is made of the comments below.

/**
 * @typedef {object} Store Answers at once; each method may throw, which ends no session.
 * @property {(name: string) => string | null | undefined} get
 * @property {(name: string, text: string) => void} set
 * @property {(name: string) => void} remove
 * @property {(isNewer: (one: unknown, other: unknown) => boolean) => Promise<unknown>} [sync] For
 * a store whose other methods work on a copy in memory: bring that and what is behind it in line.
 * Of two texts the newer one stays.
 */

/**
 * @typedef {object} Options
 * @property {string} [base] Where the endpoints are: "/auth/", or an absolute URL.
 * @property {"memory" | "session" | "local" | "cookie" | Store} [storage] Where the tokens
 * are. With "cookie" the server keeps them in cookies, and the page keeps when they end.
 * @property {typeof globalThis.fetch} [fetch] Sends the requests; always called with a `Request`.
 * @property {string[]} [origins] Other origins to which the token is sent.
 * @property {string} [header] The server's `AUTH_HEADER_NAME`.
 * @property {string} [name] Under which tabs share the session. One for each `base` by default.
 */

/**
 * @typedef {object} State
 * @property {"anonymous" | "active" | "ended"} status
 * @property {string | null} reason Why it is over: "logout", the code of the server, or what `bound` adds.
 * @property {number | null} expiresAt When the token ends, in milliseconds of this device's clock.
 * @property {number} generation How often the session was refreshed.
 */

/**
 * @typedef {object} Session
 * @property {(credentials: object) => Promise<State>} login Rejects with a `SessionError`.
 * @property {typeof globalThis.fetch} fetch As `window.fetch`, with the token.
 * @property {() => Promise<boolean>} logout Answers whether the server has heard of it.
 * @property {() => State} state
 * @property {(listener: (state: State) => void) => () => void} subscribe Returns what ends it.
 * @property {() => void} dispose Ends timers and listeners; the session stays as it is.
 */

/** @typedef {Error & {status: number, code?: string, answer: Record<string, any>}} SessionError */

/**
 * What tabs share. Of two records the one of the later login holds; of one login, the one with the
 * higher `n`; then the one that ends later. The end of a session is a record as well, the highest
 * of its login: so no refresh that is under way brings it back, and an empty store is no logout.
 * @typedef {object} Held
 * @property {number} login Higher for each login.
 * @property {number} n Of how many refreshes it is the outcome.
 * @property {string} [end] Why the session is over.
 * @property {string} [access]
 * @property {string} [refresh]
 * @property {string} [type]
 * @property {number} expires When the access token ends, in milliseconds of the server's clock.
 * @property {number} life How long it was to live when it was received, in milliseconds.
 * @property {number} skew How far the server's clock is ahead of this device's, in milliseconds.
 */

/**
 * @typedef {object} Reply
 * @property {number} status 0 where none came.
 * @property {Record<string, any>} answer
 * @property {number} sentAt When the request went out, in milliseconds of this device's clock.
 * @property {number} date When it was answered, by the server's clock; `NaN` where hidden.
 * @property {number} wait How long the server wants to be left alone, in milliseconds.
 */

const SECOND = 1000;
/** An answer that has not come by then is lost. */
const ANSWER_LIMIT = 15 * SECOND;
/** A lock that is not granted by then is done without: it saves requests, nothing rests on it. */
const LOCK_LIMIT = 5 * SECOND;
/** A caller waits this long for the next try; if that is later, the request goes out as it is. */
const CALLER_LIMIT = 5 * SECOND;
/** The longest sleep of a timer, which stands still while the device sleeps. */
const LOOK_EVERY = 30 * SECOND;
const LONGEST_BACKOFF = 60 * SECOND;
const LAST = Number.MAX_SAFE_INTEGER;
const LOGOUT = "logout";
const MISSING = "token_missing";
/** A view asks for a fresh login (RFC 9470), which no refresh is. */
const STEP_UP = "insufficient_user_authentication";
/** The codes that end a session. Any other answer leaves it, since a server may be mistaken. */
const ENDS = [
  "session_revoked",
  "token_reused",
  "password_changed",
  "user_inactive",
  "token_expired",
];

/** @type {(milliseconds: number) => Promise<void>} */
const sleep = (milliseconds) => new Promise((resolve) => setTimeout(resolve, milliseconds));

/** @type {(a: Held, b: Held | undefined) => boolean} */
const isNewer = (a, b) => !b || (a.login - b.login || a.n - b.n || a.expires - b.expires) > 0;

/** @type {(text: unknown) => Record<string, any>} */
const parse = (text) => {
  try {
    return Object(JSON.parse(String(text)));
  } catch {
    return {};
  }
};

/** @type {(area: "localStorage" | "sessionStorage") => Store} */
const webStorage = (area) => ({
  // Even to name the storage may throw, where the browser forbids it.
  get: (name) => globalThis[area].getItem(name),
  set: (name, text) => globalThis[area].setItem(name, text),
  remove: (name) => globalThis[area].removeItem(name),
});

/**
 * What a page holds whose store is empty, though there may be a cookie.
 * @type {Held}
 */
const UNKNOWN = { login: 0, n: 0, expires: 0, life: 0, skew: 0 };

/** @type {Store} */
const NOWHERE = { get: () => null, set: () => {}, remove: () => {} };

/**
 * Keep a session, refresh it ahead of its end, and share it with the other tabs.
 * @param {Options} [options]
 * @returns {Session}
 */
export function createSession(options = {}) {
  const { storage = "memory", origins = [], header = "Authorization" } = options;
  const path = `${options.base ?? "/auth/"}/`.replace(/\/+$/, "/");
  const base = new URL(path, globalThis.document?.baseURI).href;
  const { name = `jwt_refresh ${base}` } = options;
  // Bound now: a page may put the session's own `fetch` in the place of the window's.
  const send = options.fetch ?? globalThis.fetch.bind(globalThis);
  const trusted = [new URL(base).origin, ...origins];
  const byCookie = storage === "cookie";
  const isShared = storage !== "memory" && storage !== "session";
  const store =
    typeof storage === "object" ? storage
    : storage === "memory" ? NOWHERE
    : webStorage(storage === "session" ? "sessionStorage" : "localStorage");

  /** @type {Held | undefined} */
  let held;
  /** @type {Promise<void> | undefined} The one refresh that is under way in this tab. */
  let flight;
  /** @type {string | undefined} The `Idempotency-Key` of all tries to refresh what is held. */
  let key;
  /** @type {Held | undefined} What was fresh, and got a 401: another refresh would not help. */
  let refused;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  let timer;
  let dueAt = 0;
  let failures = 0;
  /** Not before: by our own back-off, and by the server's word. */
  let retryAt = 0;
  let quietUntil = 0;
  let isDisposed = false;
  /** @type {Set<(state: State) => void>} */
  const listeners = new Set();

  let skew = 0;
  let wall = Date.now();
  let tick = performance.now();
  /**
   * The server's time. The wall clock can be set back, and the other one stands still while the
   * device sleeps: the one that says more is right, or makes a refresh come early.
   */
  const now = () => wall + skew + Math.max(Date.now() - wall, performance.now() - tick);

  const isActive = () => !!held && !held.end;

  /** @returns {State} */
  const state = () => ({
    status: isActive() ? "active" : held?.end && held.end !== LOGOUT ? "ended" : "anonymous",
    reason: held?.end ?? null,
    expiresAt: held && isActive() ? held.expires - now() + Date.now() : null,
    generation: held && isActive() ? held.n : 0,
  });

  /** Hold `record` if it is newer than what is held. @type {(record: Held) => boolean} */
  const take = (record) => {
    if (!isNewer(record, held)) return false;
    held = record;
    key = undefined;
    failures = retryAt = quietUntil = 0;
    if (!record.end) {
      skew = record.skew;
      wall = Date.now();
      tick = performance.now();
      // Each tab at another moment, so that mostly the first has done it for all.
      dueAt = Math.max(now() + SECOND, record.expires - record.life * (0.1 + 0.1 * Math.random()));
    }
    plan();
    // As a task of its own, a listener that throws breaks nothing here, and is reported.
    for (const listener of listeners) queueMicrotask(() => listener(state()));
    return true;
  };

  /** @type {(text: unknown) => Held | undefined} */
  const read = (text) => {
    const record = /** @type {Held} */ (parse(text));
    const sum = record.login + record.n + record.expires + record.life + record.skew;
    return Number.isFinite(sum) ? record : undefined;
  };

  /** @type {(one: unknown, other: unknown) => boolean} */
  const isNewerText = (one, other) => {
    const record = read(one);
    return !!record && isNewer(record, read(other));
  };

  const save = () => {
    const text = JSON.stringify(held);
    try {
      store.set(name, text);
    } catch {
      // Where the end cannot be written, at least no token is left.
      if (!isActive()) {
        try {
          store.remove(name);
        } catch {
          // The other tabs are told, below.
        }
      }
    }
    return text;
  };

  /** Take what the store has, if that is newer; else give it what it lacks. */
  const load = () => {
    /** @type {Held | undefined} */
    let stored;
    try {
      stored = read(store.get(name));
    } catch {
      // What is held in memory goes on.
    }
    if (stored && take(stored)) return;
    if (held && isNewer(held, stored)) save();
  };

  /** Load what is behind a store that works on a copy. */
  const sync = async () => {
    await store.sync?.(isNewerText).catch(() => {});
    load();
  };

  /**
   * Hold, store and tell `record`, unless something newer has come.
   * @type {(record: Held) => Promise<void>}
   */
  const publish = async (record) => {
    load();
    if (!take(record)) return;
    const text = save();
    if (store.sync) await sync();
    channel?.postMessage(text);
  };

  /** @type {(login: number, end: string) => Promise<void>} */
  const publishEnd = (login, end) => publish({ login, n: LAST, end, expires: 0, life: 0, skew });

  /**
   * Rejects where no whole answer came.
   * @type {(path: string, body: object, headers?: Record<string, string>) => Promise<Reply>}
   */
  const post = async (path, body, headers) => {
    const abort = new AbortController();
    const limit = setTimeout(() => abort.abort(), ANSWER_LIMIT);
    const sentAt = Date.now();
    try {
      const response = await send(
        new Request(base + path, {
          method: "POST",
          headers: { "Content-Type": "application/json", ...headers },
          body: JSON.stringify(body),
          credentials: byCookie ? "include" : "same-origin",
          signal: abort.signal,
        }),
      );
      const answer = parse(await response.text());
      const date = Date.parse(response.headers.get("Date") ?? "");
      const wait = Number(response.headers.get("Retry-After")) || Number(answer.retry_after) || 0;
      return { status: response.status, answer, sentAt, date, wait: wait * SECOND };
    } finally {
      clearTimeout(limit);
    }
  };

  /** @type {(reply: Reply) => boolean} A page that some network puts before ours is no answer. */
  const hasTokens = ({ status, answer }) =>
    status === 200 && answer.expires_in >= 0 && (byCookie || !!answer.access_token);

  /** @type {(login: number, n: number, reply: Reply) => Promise<void>} */
  const accept = (login, n, { answer, sentAt, date }) => {
    // Counted from when it was sent: an answer may have lain for hours in a device that slept.
    if (!(date >= 0)) date = sentAt + skew;
    const life = answer.expires_in * SECOND;
    /** @type {Held} */
    const record = { login, n, expires: date + life, life, skew: date - sentAt };
    if (!byCookie) {
      record.access = answer.access_token;
      record.refresh = answer.refresh_token;
      record.type = answer.token_type;
    }
    return publish(record);
  };

  /** @type {(record: Held | undefined) => object} */
  const proof = (record) => (byCookie ? {} : { refresh_token: record?.refresh ?? record?.access });

  /** Refresh `from` once, unless another tab has. @type {(from: Held) => Promise<void>} */
  const attempt = async (from) => {
    await sync();
    if ((held ?? from) !== from) return;
    key ??= crypto.getRandomValues(new Uint32Array(4)).join("-");
    /** @type {Reply} */
    let reply = { status: 0, answer: {}, sentAt: 0, date: 0, wait: 0 };
    try {
      reply = await post("refresh/", proof(from), { "Idempotency-Key": key });
    } catch {
      // Lost: asked again, with the same key.
    }
    if (hasTokens(reply)) return accept(from.login, from.n + 1, reply);
    await sync();
    // Whoever lost a race may be refused, and has what the winner stored.
    if ((held ?? from) !== from) return;
    const { status, wait, answer: { code } } = reply;
    // Where the browser has no cookie any more, no later try finds one.
    const isOver = ENDS.includes(code) || (byCookie && code === MISSING);
    if (status === 401 && (isOver || (code && now() >= from.expires))) {
      if (held) return publishEnd(from.login, code);
      // There is no cookie either: not asked again before somebody logs in.
      quietUntil = Infinity;
    }
    if (status === 409) {
      key = undefined;
      quietUntil = from.expires;
    }
    if (wait) quietUntil = now() + wait;
    const backoff = Math.min(LONGEST_BACKOFF, SECOND * 2 ** failures++);
    retryAt = now() + backoff * (0.5 + 0.5 * Math.random());
  };

  /**
   * Run `task` while no other tab does, if that can be had in time.
   * @type {(task: () => Promise<void>) => Promise<void>}
   */
  const alone = async (task) => {
    /** @type {Promise<void> | undefined} */
    let work;
    const run = () => (work ??= task());
    const abort = new AbortController();
    const locked = globalThis.navigator?.locks?.request(name, { signal: abort.signal }, run);
    if (locked) await Promise.race([locked.catch(() => {}), sleep(LOCK_LIMIT)]);
    abort.abort();
    return run();
  };

  /** @type {(from: Held) => Promise<void>} */
  const renew = (from) =>
    (flight ??= alone(() => attempt(from)).finally(() => {
      flight = undefined;
      plan();
    }));

  /**
   * Get something newer than `from` for a caller who waits.
   * @type {(from: Held) => Promise<void>}
   */
  const replace = async (from) => {
    for (let tries = 0; tries < 3 && (held ?? from) === from && !from.end; tries++) {
      const wait = Math.max(retryAt, quietUntil) - now();
      if (wait > CALLER_LIMIT) return;
      if (wait > 0) await sleep(wait);
      await renew(from);
    }
  };

  const plan = () => {
    clearTimeout(timer);
    if (isDisposed || !isActive()) return;
    const wait = Math.max(dueAt, retryAt, quietUntil) - now();
    timer = setTimeout(look, Math.min(wait, LOOK_EVERY));
  };

  /** Refresh if it is time. */
  const look = () => {
    load();
    const isTime = now() >= Math.max(dueAt, retryAt, quietUntil);
    const isPossible = !isDisposed && globalThis.navigator?.onLine !== false;
    if (held && isActive() && isTime && isPossible) renew(held);
    else plan();
  };

  const wake = async () => {
    if (globalThis.document?.visibilityState === "hidden") return;
    if (store.sync) await sync();
    retryAt = 0;
    look();
  };

  /** @type {(request: Request) => Promise<Response>} */
  const sendWithToken = (request) => {
    if (held?.access && isActive() && !request.headers.has(header)) {
      request.headers.set(header, `${held.type} ${held.access}`);
    }
    const isPlain = !byCookie || request.credentials !== "same-origin";
    return send(isPlain ? request : new Request(request, { credentials: "include" }));
  };

  /**
   * Replace `from`, and wait for it no longer than who sends `request`.
   * @type {(from: Held, request: Request) => Promise<unknown>}
   */
  const replaceFor = (from, { signal }) =>
    Promise.race([
      replace(from),
      new Promise((resolve) => signal.addEventListener("abort", resolve, { once: true })),
    ]);

  /** @type {typeof globalThis.fetch} */
  const fetch = async (input, init) => {
    // Read now, as `window.fetch` does: the page may change its body while we wait.
    const request = new Request(input, init);
    if (!trusted.includes(new URL(request.url).origin)) return send(request);
    if (store.sync) await sync();
    look();
    if (held && isActive() && now() >= held.expires) await replaceFor(held, request);
    const used = held ?? (byCookie ? UNKNOWN : undefined);
    // A stream can be read once; to keep a copy could mean to keep a film.
    const isOnce = init?.body instanceof ReadableStream;
    const response = await sendWithToken(isOnce ? request : request.clone());
    if (response.status !== 401 || !used || used.end) return response;
    const { code } = parse(await response.clone().text().catch(() => ""));
    const isFinal = code === STEP_UP || (used === refused && !ENDS.includes(code));
    if (!isFinal) await replaceFor(used, request);
    // After another login, it could be somebody else's who asked.
    const isSame = isActive() && held?.login === used.login;
    if (isFinal || isOnce || held === used || !isSame) return response;
    response.body?.cancel();
    const again = await sendWithToken(request);
    if (again.status === 401) refused = held;
    return again;
  };

  /** @type {Session["login"]} */
  const login = async (credentials) => {
    const wanted = byCookie ? credentials : { ...credentials, transport: "body" };
    const reply = await post("login/", wanted);
    const { status, answer } = reply;
    if (!hasTokens(reply)) {
      const error = new Error(answer.detail ?? `${status}`);
      throw Object.assign(error, { status, code: answer.code, answer });
    }
    await sync();
    const before = held;
    // Later than any before, also where the clock was set back; and no other tab's.
    await accept(Math.max(Date.now(), (before?.login ?? 0) + 1) + Math.random(), 0, reply);
    if (before && !before.end && !byCookie) post("logout/", proof(before)).catch(() => {});
    return state();
  };

  const logout = async () => {
    if (store.sync) await sync();
    else load();
    const before = held;
    if (before && isActive()) await publishEnd(before.login, LOGOUT);
    else if (!byCookie) return true;
    for (let tries = 0; tries < 3; tries++) {
      if (tries) await sleep(SECOND * tries);
      const { status } = await post("logout/", proof(before)).catch(() => ({ status: 0 }));
      if (status === 204 || status === 401) return true;
    }
    return false;
  };

  /** @type {(text: unknown) => unknown} */
  const hear = (text) => {
    // What is told is behind the store by now, and with it what else belongs to it.
    if (store.sync) return sync();
    const record = read(text);
    // Where tabs share no store, only a copy of this tab tells of the same login.
    if (record && (isShared || record.login === held?.login)) take(record);
    load();
  };

  const listening = new AbortController();
  const { signal } = listening;
  /** @type {BroadcastChannel | undefined} */
  let channel;
  try {
    channel = new BroadcastChannel(name);
    channel.onmessage = (event) => hear(event.data);
  } catch {
    // The event `storage` tells the same of the storage that all tabs share.
  }
  for (const type of ["online", "pageshow", "focus"]) {
    globalThis.addEventListener?.(type, wake, { signal });
  }
  globalThis.document?.addEventListener("visibilitychange", wake, { signal });
  globalThis.addEventListener?.("storage", (event) => {
    if (/** @type {StorageEvent} */ (event).key === name) load();
  }, { signal });
  look();

  return {
    login,
    fetch,
    logout,
    state,
    subscribe(listener) {
      listeners.add(listener);
      return () => void listeners.delete(listener);
    },
    dispose() {
      isDisposed = true;
      clearTimeout(timer);
      listeners.clear();
      listening.abort();
      channel?.close();
      channel = undefined;
    },
  };
}
