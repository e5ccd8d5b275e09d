/** Calls every endpoint in a style, "sliding" or "pair", through openapi-fetch and generated types. */
import assert from "node:assert/strict";

import createClient from "openapi-fetch";

import type { components, paths } from "./schema.js";

type Shapes = components["schemas"];
type Tokens = Shapes["jwt_refresh_TokenResponse"];

const [site = "", style = ""] = process.argv.slice(2);
const client = createClient<paths>({ baseUrl: site });
const ann = { username: "ann", password: "violet-harbor-93" };

function bearer(token: string): { Authorization: string } {
  return { Authorization: `Bearer ${token}` };
}

/** The data of an answer, which must have this status. */
function good<T>(answer: { data?: T; response: Response }, status = 200): T {
  assert.equal(answer.response.status, status);
  assert(answer.data !== undefined);
  return answer.data;
}

function done(answer: { response: Response }): void {
  assert.equal(answer.response.status, 204);
}

function refused(
  answer: { error?: Shapes["jwt_refresh_BadRequest"]; response: Response },
  status: number,
  code: string,
): void {
  assert.equal(answer.response.status, status);
  assert(answer.error && typeof answer.error.code === "string");
  assert.equal(answer.error.code, code);
}

async function logIn(): Promise<Tokens> {
  return good(await client.POST("/auth/login/", { body: ann }));
}

/** The token that can be refreshed: in sliding style it is the only one. */
function refreshable(tokens: Tokens): string {
  assert.equal(tokens.token_type, "Bearer");
  assert.equal(tokens.refresh_token === undefined, style === "sliding");
  assert.equal(tokens.refresh_expires_in === undefined, style === "sliding");
  return tokens.refresh_token ?? tokens.access_token;
}

async function logins(): Promise<void> {
  const login = (body: typeof ann) => client.POST("/auth/login/", { body });
  refused(await login({ ...ann, password: "wrong" }), 401, "invalid_credentials");
  const { error, response } = await login({ ...ann, username: "" });
  assert.equal(response.status, 400);
  assert(error && !("code" in error));
  const sentences: string[] | undefined = error["username"];
  assert.match(sentences?.[0] ?? "", /blank/);
}

async function refreshes(): Promise<Tokens> {
  const first = await logIn();
  const header = { "Idempotency-Key": crypto.randomUUID() };
  const body = { token: refreshable(first) };
  const second = good(await client.POST("/auth/refresh/", { body, params: { header } }));
  const third = good(
    await client.POST("/auth/refresh/", { headers: bearer(refreshable(second)) }),
  );
  assert(third.expires_in > 0);
  refused(await client.POST("/auth/refresh/", { body }), 409, "stale_retry");
  refused(await client.POST("/auth/refresh/"), 401, "token_missing");
  const both = { token: refreshable(second), refresh_token: refreshable(third) };
  refused(await client.POST("/auth/refresh/", { body: both }), 400, "invalid_request");
  return third;
}

async function me(tokens: Tokens): Promise<void> {
  const headers = bearer(tokens.access_token);
  assert.equal(good(await client.GET("/api/me/", { headers })).username, ann.username);
  refused(await client.GET("/api/me/"), 401, "token_missing");
}

async function verifications(tokens: Tokens): Promise<void> {
  const body = { token: tokens.access_token };
  const first = good(await client.POST("/auth/verify/", { body }));
  assert.equal(first.active, true);
  assert(first.expires_in <= tokens.expires_in);
  refused(await client.POST("/auth/verify/", { body: { token: "x" } }), 401, "token_invalid");
  const headers = bearer(tokens.access_token);
  for (let tries = 0; tries < 200; tries++) {
    const { data, error, response } = await client.POST("/auth/verify/", { headers });
    if (data) continue;
    assert.equal(response.status, 429);
    assert(error && "retry_after" in error);
    const seconds: number = error.retry_after;
    assert.equal(response.headers.get("Retry-After"), String(seconds));
    return;
  }
  assert.fail("It is never too often.");
}

async function sessions(): Promise<void> {
  const [phone, laptop] = [await logIn(), await logIn()];
  const headers = bearer(laptop.access_token);
  const listed = good(await client.GET("/auth/sessions/", { headers }));
  const current: Shapes["jwt_refresh_Session"][] = listed.filter((it) => it.current);
  assert.equal(current.length, 1);
  const [latest] = good(
    await client.GET("/auth/sessions/", { headers: bearer(phone.access_token) }),
  ).filter((it) => it.current);
  assert(latest);
  assert(Date.parse(latest.started_at) <= Date.parse(latest.ends_at ?? "9999-12-31"));
  assert.match(latest.agent + latest.address + latest.last_used_at, /127\.0\.0\.0/);
  const end = (sid: string) =>
    client.DELETE("/auth/sessions/{sid}/", { headers, params: { path: { sid } } });
  done(await end(latest.sid));
  refused(await end(crypto.randomUUID()), 404, "not_found");
  refused(
    await client.GET("/auth/sessions/", { headers: bearer(phone.access_token) }),
    401,
    "session_revoked",
  );
  done(await client.POST("/auth/logout/others/", { headers }));
  assert.equal(good(await client.GET("/auth/sessions/", { headers })).length, 1);
  done(await client.POST("/auth/logout/", { body: { refresh_token: refreshable(laptop) } }));
  const again = bearer((await logIn()).access_token);
  done(await client.POST("/auth/logout/all/", { headers: again }));
  refused(await client.POST("/auth/logout/all/", { headers: again }), 401, "session_revoked");
}

async function keys(): Promise<void> {
  const answer = await client.GET("/auth/jwks.json/");
  const [key] = good(answer).keys;
  assert(key);
  assert.equal(key.kty, "OKP");
  const etag = answer.response.headers.get("ETag");
  assert(etag);
  const same = await client.GET("/auth/jwks.json/", { headers: { "If-None-Match": etag } });
  assert.equal(same.response.status, 304);
}

await logins();
const tokens = await refreshes();
await me(tokens);
await verifications(tokens);
await sessions();
await keys();
