// Runs in each tab before the page's own scripts, and before the clock stands still.
// `tab` is its number; `world` says what is wrong in this browser.
(tab, world) => {
  // Each tab has numbers of its own, and the same ones in each run.
  let seed = 0x9e3779b9 * (tab + 1);
  Math.random = () => {
    seed = (Math.imul(seed ^ (seed >>> 15), seed | 1) + 0x6d2b79f5) | 0;
    return ((seed ^ (seed >>> 14)) >>> 0) / 2 ** 32;
  };

  // A tab that sleeps runs no timer and hears nothing, until it wakes.
  const missed = [];
  let isAsleep = false;
  const later = (act) => (...given) => (isAsleep ? missed.push(() => act(...given)) : act(...given));
  window.fallAsleep = () => {
    isAsleep = true;
  };
  window.wakeUp = () => {
    isAsleep = false;
    for (const act of missed.splice(0)) act();
    window.dispatchEvent(new Event("focus"));
  };
  const { setTimeout } = window;
  window.setTimeout = (act, ...rest) => setTimeout(later(act), ...rest);
  const { set } = Object.getOwnPropertyDescriptor(BroadcastChannel.prototype, "onmessage");
  Object.defineProperty(BroadcastChannel.prototype, "onmessage", {
    set(act) {
      set.call(this, later(act));
    },
  });

  // How many answers have not come in whole.
  const { fetch } = window;
  window.underWay = 0;
  window.fetch = async (...request) => {
    window.underWay += 1;
    try {
      const response = await fetch(...request);
      await response.clone().arrayBuffer();
      return response;
    } finally {
      window.underWay -= 1;
    }
  };

  const fail = () => {
    throw new DOMException("It fails.", "QuotaExceededError");
  };
  if (world.includes("no lock is granted")) LockManager.prototype.request = () => new Promise(() => {});
  if (world.includes("there are no locks")) delete Navigator.prototype.locks;
  if (world.includes("there is no channel")) delete window.BroadcastChannel;
  if (world.includes("nothing can be stored")) Storage.prototype.setItem = fail;
  if (world.includes("nothing can be read")) Storage.prototype.getItem = fail;
}
