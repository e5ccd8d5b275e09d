// What a project's page does, and what the tests ask of it.
import { bound } from "/static/jwt_refresh/bound.js";
import { createSession } from "/static/jwt_refresh/client.js";

window.createSession = createSession;
window.heard = [];

// `bind`: with a key of this browser; the storage is the add-on's, unless there is one.
window.open_session = async ({ bind, ...given }, twice) => {
  const { storage, ...rest } = given;
  const options = bind ? { ...(await bound(rest)), ...(storage && { storage }) } : given;
  window.session = createSession(options);
  window.session.subscribe((state) => window.heard.push(state));
  if (twice) window.second = createSession(options);
};

// What the add-on has in its database; and to put `record` there, or else to take it away.
const inTable = async (act) => {
  const database = await new Promise((resolve) => {
    const request = indexedDB.open("jwt_refresh");
    request.onsuccess = () => resolve(request.result);
  });
  const request = act(database.transaction("jwt_refresh", "readwrite").objectStore("jwt_refresh"));
  await new Promise((resolve) => (request.transaction.oncomplete = resolve));
  database.close();
  return request.result;
};
window.kept = () => inTable((table) => table.get("/auth/"));
window.keep = (record) => inTable((table) => table.put(record, "/auth/"));
window.clear = () =>
  new Promise((resolve, reject) => {
    const request = indexedDB.deleteDatabase("jwt_refresh");
    request.onsuccess = () => resolve();
    request.onerror = request.onblocked = reject;
  });

window.call = async (...request) => (await window.session.fetch(...request)).status;

// Resolves when nothing is under way, and what came in has been dealt with; to the time until the
// next timer.
window.idle = async () => {
  for (let turns = 0; turns < 10; turns = window.asking + window.locking + window.working ? 0 : turns + 1) {
    await new Promise((resolve) => {
      const { port1, port2 } = new MessageChannel();
      port1.onmessage = resolve;
      port2.postMessage(null);
    });
  }
  return window.wait();
};
