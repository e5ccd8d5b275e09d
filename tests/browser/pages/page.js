// What a project's page does, and what the tests ask of it.
import { createSession } from "/static/jwt_refresh/client.js";

window.createSession = createSession;
window.heard = [];

window.open_session = (options, twice) => {
  window.session = createSession(options);
  window.session.subscribe((state) => window.heard.push(state));
  if (twice) window.second = createSession(options);
};

window.call = async (...request) => (await window.session.fetch(...request)).status;

// Resolves when nothing is under way, and what came in has been dealt with; to the time until the
// next timer.
window.idle = async () => {
  for (let turns = 0; turns < 10; turns = window.asking + window.locking ? 0 : turns + 1) {
    await new Promise((resolve) => {
      const { port1, port2 } = new MessageChannel();
      port1.onmessage = resolve;
      port2.postMessage(null);
    });
  }
  return window.wait();
};
