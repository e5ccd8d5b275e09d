// Runs in each tab before the page's own scripts, and before the clock stands still.
// `tab` is its number; `world` says what is wrong in this browser.
(tab, world) => {
  // Each tab has numbers of its own, and the same ones in each run.
  let seed = tab;
  Math.random = () => {
    seed = (seed + 0x6d2b79f5) | 0;
    let mixed = Math.imul(seed ^ (seed >>> 15), seed | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };

  // A tab that sleeps runs no timer and hears nothing, until it wakes.
  const missed = [];
  let isAsleep = false;
  const later = (act) => (given) => (isAsleep ? missed.push(() => act(given)) : act(given));
  window.fallAsleep = () => {
    isAsleep = true;
  };
  window.wakeUp = () => {
    isAsleep = false;
    for (const act of missed.splice(0)) act();
    window.dispatchEvent(new Event("focus"));
  };
  const { addEventListener } = window;
  window.addEventListener = (type, act, ...rest) =>
    addEventListener.call(window, type, type === "storage" ? later(act) : act, ...rest);

  // After how many seconds the next timer is due: the tests go from one to the next.
  const due = new Map();
  window.wait = () => {
    const now = performance.now();
    return Math.max(0, Math.min(...due.values(), now + 30e3) - now) / 1000;
  };
  const { setTimeout, clearTimeout } = window;
  window.setTimeout = (act, delay) => {
    const fire = later(act);
    const timer = setTimeout(() => {
      due.delete(timer);
      fire();
    }, delay);
    due.set(timer, performance.now() + delay);
    return timer;
  };
  window.clearTimeout = (timer) => {
    due.delete(timer);
    clearTimeout(timer);
  };
  const { set } = Object.getOwnPropertyDescriptor(BroadcastChannel.prototype, "onmessage");
  Object.defineProperty(BroadcastChannel.prototype, "onmessage", {
    set(act) {
      set.call(this, later(act));
    },
  });

  // How many answers have not come in whole.
  const { fetch } = window;
  window.asking = 0;
  window.started = 0;
  window.fetch = async (...request) => {
    window.asking += 1;
    window.started += 1;
    try {
      const response = await fetch(...request);
      await response.clone().arrayBuffer();
      return response;
    } finally {
      window.asking -= 1;
    }
  };

  // Nor how many locks have not been granted: the browser does so in its own time.
  const { request } = LockManager.prototype;
  window.locking = 0;
  LockManager.prototype.request = function (name, options, run) {
    let waits = 1;
    const stop = () => {
      window.locking -= waits;
      waits = 0;
    };
    window.locking += waits;
    const locked = request.call(this, name, options, (lock) => {
      const work = run(lock);
      stop();
      return work;
    });
    return locked.finally(stop);
  };

  // Nor how much of cryptography and databases is under way.
  window.working = 0;
  const begin = () => void (window.working += 1);
  const end = () => void (window.working -= 1);
  for (const name of ["digest", "exportKey", "generateKey", "sign"]) {
    const work = SubtleCrypto.prototype[name];
    SubtleCrypto.prototype[name] = function (...given) {
      begin();
      return work.apply(this, given).finally(end);
    };
  }
  for (const [kind, name, ends] of [
    [IDBFactory, "open", ["success", "error"]],
    [IDBDatabase, "transaction", ["complete", "abort"]],
  ]) {
    const work = kind.prototype[name];
    kind.prototype[name] = function (...given) {
      const begun = work.apply(this, given);
      begin();
      for (const type of ends) begun.addEventListener(type, end);
      return begun;
    };
  }

  const fail = () => {
    throw new DOMException("It fails.", "QuotaExceededError");
  };
  if (world.includes("no lock is granted")) {
    LockManager.prototype.request = () => new Promise(() => {});
  }
  if (world.includes("there are no locks")) delete Navigator.prototype.locks;
  if (world.includes("there is no channel")) delete window.BroadcastChannel;
  if (world.includes("there is no database")) IDBFactory.prototype.open = fail;
  if (world.includes("nothing can be stored")) Storage.prototype.setItem = fail;
  if (world.includes("nothing can be read")) Storage.prototype.getItem = fail;
}
