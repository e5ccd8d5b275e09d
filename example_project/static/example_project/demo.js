// The demo page. What a page of your own needs are the few lines with `session`; the rest shows what
// happens, makes trouble on purpose, and plays the thief.
import { bound } from "../jwt_refresh/bound.js";
import { createSession } from "../jwt_refresh/client.js";

const SHOWN = 12;
const { dataset } = document.body;
const grace = Number(dataset.grace);
const language = document.documentElement.lang;
const times = new Intl.DateTimeFormat(language, { dateStyle: "medium", timeStyle: "short" });
const clock = new Intl.DateTimeFormat(language, { timeStyle: "medium" });

const $ = (id) => document.getElementById(id);
const texts = $("texts").content;

/** The text of the template, translated there, with `values` in the place of the names in braces. */
const text = (name, values = {}) =>
  texts.querySelector(`[data-name="${name}"]`)?.textContent.replace(/{(\w+)}/g, (_, key) => values[key]);

/** Tell what came of an action; a screen reader says it. */
const tell = (sentence) => {
  $("said").textContent = sentence;
};
const say = (...given) => tell(text(...given));

/** The end of a token, kept on one line, is enough to tell one from another. */
const short = (token) => `…\u2060${token.slice(-6)}`;

/** Any script of this origin can do this: it is why cookies are safer, and a key that none can read. */
const tokenInStore = () =>
  (isBound() ? options.storage.get() : Object.values(localStorage).join())?.match(/eyJ[\w-]+\.[\w-]+\.[\w-]+/)?.[0] ?? "";

// The requests.

let requests = 0;
let refuseNext = false;
let loseNext = false;
let lost = "";

const note = (method, path, status, remark = "") => {
  const entry = document.createElement("li");
  entry.textContent = `${clock.format()}  ${method} ${path}  ${status || ""} `;
  if (remark) entry.append(Object.assign(document.createElement("small"), { textContent: remark }));
  $("log").prepend(entry);
  $("log").children[SHOWN]?.remove();
  $("nothing").hidden = true;
};

/** What the session sends its requests with: as `fetch`, seen on the page, with trouble where we ask for it. */
const watched = async (request) => {
  const { pathname } = new URL(request.url);
  const isRefresh = pathname === "/auth/refresh/";
  if (refuseNext && !isRefresh) {
    refuseNext = false;
    note(request.method, pathname, 401, text("note_refused"));
    return Response.json({ code: "token_expired" }, { status: 401 });
  }
  requests += 1;
  const response = await fetch(request).catch((error) => {
    note(request.method, pathname, 0, text("note_silent"));
    throw error;
  });
  if (loseNext && isRefresh && response.ok) {
    loseNext = false;
    lost = (await response.json()).access_token ?? "";
    note(request.method, pathname, response.status, text("note_lost"));
    throw new TypeError("The answer was lost.");
  }
  const proof = request.headers.has("DPoP") ? text("note_proof") : "";
  note(request.method, pathname, response.status, response.headers.has("DPoP-Nonce") ? text("note_nonce") : proof);
  if (isRefresh && response.ok) holdApart();
  return response;
};

const plain = createSession({ base: "/auth/", storage: "local", fetch: watched });
/** Those of the session that is bound to a key; none where the browser makes no keys. */
const options = await bound({ base: "/auth/", name: "bound", fetch: watched }).catch(() => undefined);
const keyed = options && createSession(options);

/** The one of the two that is in use. */
let session = keyed && keyed.state().status !== "anonymous" && plain.state().status !== "active" ? keyed : plain;
const isBound = () => session === keyed;

/** A request by the session. Throws where what stands before the server answers in its place. */
const ask = async (path, method = "GET") => {
  const response = await session.fetch(path, { method });
  if (response.status >= 500) throw new Error(`${response.status}`);
  return response;
};

/** A request with a token of the thief's. */
const asThief = async (method, path) => {
  const response = await fetch(path, { method, headers: { Authorization: `Bearer ${thief.token}` } });
  note(method, path, response.status, text("note_thief"));
  return { isGood: response.ok, ...(await response.json()) };
};

/** Make the session refresh before its time: let it believe that the server took its token for expired. */
const refresh = async () => {
  const before = session.state().generation;
  refuseNext = true;
  await session.fetch("/api/me/");
  refuseNext = loseNext = false;
  return session.state().generation > before;
};

// The thief.

/** What the thief holds, and when the server will tell thief and tab apart. */
let thief = { token: "", apartAt: 0 };

/** A token was refreshed: for now, the server takes whoever holds the old one for a tab. */
const holdApart = () => {
  if (thief.token && !isBound()) thief.apartAt = Date.now() + grace * 1000;
};

/** Tell what became of the thief; a screen reader says it, and not the seconds that are left. */
const tellOfThief = (sentence) => {
  $("tale").textContent = sentence;
};

const showThief = () => {
  const seconds = Math.ceil((thief.apartAt - Date.now()) / 1000);
  const hint = seconds > 0 ? text("wait", { seconds }) : text("now");
  $("hint").textContent = shown === "active" && thief.apartAt ? hint : "";
  $("theft").hidden = shown !== "active" && !thief.token;
  $("steal").hidden = shown !== "active";
  $("again").hidden = !thief.token;
};

// What the buttons do.

const acts = {
  async call() {
    const response = await ask("/api/me/");
    if (response.ok) say("called", await response.json());
  },
  async refresh() {
    const isNew = await refresh();
    if (isNew) say("refreshed", { token: short(tokenInStore()) });
    else if (shown === "active") say("kept");
  },
  async lose() {
    loseNext = true;
    const isNew = await refresh();
    if (isNew) say("recovered", { lost: short(lost), token: short(tokenInStore()) });
    else if (shown === "active") say("kept");
  },
  steal() {
    thief = { token: tokenInStore(), apartAt: 0 };
    tellOfThief(text("stolen", { token: short(thief.token) }));
  },
  async thief() {
    const { isGood, access_token, detail } = await asThief("POST", "/auth/refresh/");
    if (isGood) {
      thief.token = access_token;
      const { username } = await asThief("GET", "/api/me/");
      holdApart();
      return tellOfThief(text("inside", { token: short(access_token), username }));
    }
    tellOfThief(text("refused", { detail }));
    // If that has ended the session, the page learns it with its next request.
    if (shown === "active") await session.fetch("/api/me/");
    if (isBound() && shown === "active") tellOfThief(text("keyless", { detail }));
  },
  async list() {
    const count = await listSessions();
    if (count) say("listed", { count });
  },
  async logout() {
    if (await session.logout()) return;
    // So the thief's token may be worth something still.
    tellOfThief("");
    say("untold");
  },
  async others() {
    const { ok } = await ask("/auth/logout/others/", "POST");
    await listSessions();
    if (ok) say("others_ended");
  },
  async everywhere() {
    await ask("/auth/logout/all/", "POST");
    await acts.logout();
  },
};

const act = async (work) => {
  tell("");
  try {
    await work();
  } catch {
    say("failed");
  }
  render();
};

for (const button of document.querySelectorAll("[data-act]")) {
  button.addEventListener("click", () => act(acts[button.dataset.act]));
}

$("login").addEventListener("submit", (event) => {
  event.preventDefault();
  const credentials = Object.fromEntries(new FormData(event.target));
  act(async () => {
    try {
      session = $("bind").checked ? keyed : plain;
      await session.login(credentials);
      thief = { token: "", apartAt: 0 };
      tellOfThief("");
      say("logged_in");
    } catch (error) {
      // A sentence of the server's, in the language of the page; of a field, where that is at fault.
      const { detail, ...fields } = error.answer ?? {};
      const [sentence] = [detail ?? Object.values(fields)].flat(2);
      if (!sentence) throw error;
      tell(sentence);
      $("password").focus();
    }
  });
});

// The logins of the user.

const listSessions = async () => {
  const response = await ask("/auth/sessions/");
  if (!response.ok) return 0;
  const logins = await response.json();
  $("sessions").replaceChildren(...logins.map(showLogin));
  return logins.length;
};

const showLogin = ({ sid, started_at, address, agent, current }) => {
  const time = times.format(new Date(started_at));
  const item = document.createElement("li");
  const title = Object.assign(document.createElement("strong"), {
    textContent: [text("since", { time }), current && text("this")].filter(Boolean).join(" · "),
  });
  const device = Object.assign(document.createElement("small"), { textContent: `${agent} · ${address}` });
  const button = Object.assign(document.createElement("button"), { textContent: text("end") });
  button.setAttribute("aria-label", text("end_login", { time }));
  button.addEventListener("click", () =>
    act(async () => {
      const { ok } = await ask(`/auth/sessions/${sid}/`, "DELETE");
      // If it was this browser's, the session learns so here.
      await listSessions();
      if (ok && shown === "active") say("ended_one");
      $("sessions").querySelector("button")?.focus();
    }),
  );
  item.append(title, device, button);
  return item;
};

// The live view.

let shown;

const render = () => {
  const { status, reason, expiresAt, generation } = session.state();
  const isActive = status === "active";
  for (const part of document.querySelectorAll("[data-bound]")) {
    part.hidden = part.dataset.bound !== String(isBound());
  }
  if (status !== shown) showStatus(status, reason);
  const seconds = isActive ? Math.max(0, Math.round((expiresAt - Date.now()) / 1000)) : 0;
  $("left").textContent = text("left", { minutes: Math.floor(seconds / 60), seconds: seconds % 60 });
  $("age").value = seconds;
  $("generation").textContent = generation;
  $("requests").textContent = requests;
  $("token").textContent = isActive ? short(tokenInStore()) : "";
  showThief();
};

/** Show the parts of the page for `status`. */
const showStatus = (status, reason) => {
  const isFirst = shown === undefined;
  shown = status;
  for (const part of document.querySelectorAll("[data-when]")) {
    part.hidden = !part.dataset.when.split(" ").includes(status);
  }
  const told = reason ? (text(reason) ?? text("over", { reason })) : "";
  $("reason").textContent = told;
  $("reason").hidden = !told;
  if (status === "active") listSessions().catch(() => say("failed"));
  else $("sessions").replaceChildren();
  if (status !== "active" && thief.token) tellOfThief(text("out"));
  if (isFirst) return;
  // What had the focus may be gone: go on where the page goes on.
  const isLost = document.activeElement === document.body || !document.activeElement.checkVisibility();
  if (isLost) document.querySelector(told ? "#reason" : "section:not([hidden]) h2").focus();
  else if (told) tell(told);
};

for (const each of keyed ? [plain, keyed] : [plain]) {
  each.subscribe(({ status }) => {
    // Another tab may have logged in by the other one.
    if (status === "active") session = each;
    render();
  });
}
$("bind").checked = isBound();
$("binding").hidden = !keyed;
setInterval(render, 1000);
render();
