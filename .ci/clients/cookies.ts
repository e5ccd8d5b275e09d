/** Calls every endpoint as a page does whose tokens travel in cookies, and as an app that wants none. */
import assert from "node:assert/strict";

import createClient from "openapi-fetch";

import type { components, paths } from "./schema.js";

type Shapes = components["schemas"];

const [site = ""] = process.argv.slice(2);
const jar = new Map<string, string>();
const ann = { username: "ann", password: "violet-harbor-93" };

/** As a browser does on a page of the site. */
const client = createClient<paths>({
  baseUrl: site,
  async fetch(request) {
    request.headers.set("Cookie", [...jar].map(([name, value]) => `${name}=${value}`).join("; "));
    if (!request.headers.has("Sec-Fetch-Site")) {
      request.headers.set("Sec-Fetch-Site", "same-origin");
    }
    const response = await fetch(request);
    for (const cookie of response.headers.getSetCookie()) {
      const [name = "", value = ""] = (cookie.split(";")[0] ?? "").split("=");
      if (cookie.includes("Max-Age=0")) jar.delete(name);
      else jar.set(name, value);
    }
    return response;
  },
});

function good<T>(answer: { data?: T; response: Response }): T {
  assert.equal(answer.response.status, 200);
  assert(answer.data !== undefined);
  return answer.data;
}

function done(answer: { response: Response }): void {
  assert.equal(answer.response.status, 204);
}

async function logIn(): Promise<Shapes["jwt_refresh_CookieTokenResponse"]> {
  return good(await client.POST("/auth/login/", { body: ann }));
}

const page = await logIn();
const none: string | undefined = page.access_token;
assert.equal(none, undefined);
assert.equal(page.refresh_token, undefined);
assert.deepEqual([...jar.keys()].sort(), ["auth-1", "auth-2"]);
assert.equal(good(await client.GET("/api/me/")).username, ann.username);
assert.equal(good(await client.POST("/auth/verify/")).active, true);
const before = jar.get("auth-2");
assert(good(await client.POST("/auth/refresh/")).expires_in > 0);
assert.notEqual(jar.get("auth-2"), before);

const attack = await client.POST("/auth/refresh/", {
  headers: { "Sec-Fetch-Site": "cross-site", Origin: "https://evil.example" },
});
assert.equal(attack.response.status, 403);
assert.equal(attack.error?.code, "csrf_failed");

const app = good(await client.POST("/auth/login/", { body: { ...ann, transport: "body" } }));
assert(app.access_token !== undefined && app.refresh_token !== undefined);
const [other] = good(await client.GET("/auth/sessions/")).filter((it) => !it.current);
assert(other);
const path = { sid: other.sid };
done(await client.DELETE("/auth/sessions/{sid}/", { params: { path } }));
const ended = await client.POST("/auth/verify/", { body: { token: app.access_token } });
assert.equal(ended.response.status, 401);

done(await client.POST("/auth/logout/others/"));
done(await client.POST("/auth/logout/"));
assert.equal(jar.size, 0);
await logIn();
done(await client.POST("/auth/logout/all/"));
assert.equal(jar.size, 0);
good(await client.GET("/auth/jwks.json/"));
