// What the gateway sees now, by one stream of events. The first event is everything, the
// ones after it are what has changed; after a pause everything comes again.
import { url, get } from "./api.js";
import { store } from "./store.js";

export const live = store(null);      // the last state; null: none yet
export const link = store({ up: false, at: 0 }); // whether the stream is open, and when it last spoke
export const tail = store([]);        // the last requests that have ended, the latest first
const listeners = new Set();
const kept = 500;

// onEvent hears events that are not state: requests that have ended, alerts, changes.
export function onEvent(f) {
  listeners.add(f);
  return () => listeners.delete(f);
}

// merge applies a JSON merge patch (RFC 7396).
export function merge(target, change) {
  if (change === null || typeof change !== "object" || Array.isArray(change)) return change;
  const out = target && typeof target === "object" && !Array.isArray(target) ? { ...target } : {};
  for (const [name, value] of Object.entries(change)) {
    if (value === null) delete out[name];
    else out[name] = merge(out[name], value);
  }
  return out;
}

// What ends is told to the page a few times a second: nobody reads faster, and each time
// costs the rows that are seen.
const pace = 250;
let ended = [];
let telling = null;

function end(row) {
  ended.push(row);
  telling ??= setTimeout(() => {
    telling = null;
    tail.set((list) => [...ended.reverse(), ...list].slice(0, kept));
    ended = [];
  }, pace);
}

let source = null;
let retry = null;
let pause = 500;

function heard() {
  pause = 500;
  link.set({ up: true, at: Date.now() });
}

// open begins the stream; it comes back by itself when it breaks.
export function open() {
  if (source || retry) return;
  source = new EventSource(url("/events"));
  const data = (f) => (e) => {
    heard();
    f(JSON.parse(e.data));
  };
  source.addEventListener("snapshot", data((v) => live.set(v)));
  source.addEventListener("patch", data((v) => live.set((s) => merge(s, v))));
  for (const kind of ["request", "alert", "key", "config", "audit"]) {
    source.addEventListener(kind, data((v) => {
      if (kind === "request") end(v);
      listeners.forEach((f) => f(kind, v));
    }));
  }
  source.addEventListener("ping", heard);
  source.onopen = heard;
  source.onerror = () => {
    close();
    link.set((l) => ({ ...l, up: false }));
    get("/about").catch(() => {}); // a stream does not tell why: whoever is signed out hears it here
    retry = setTimeout(() => { retry = null; open(); }, pause);
    pause = Math.min(pause * 2, 10_000);
  };
}

// close ends it.
export function close() {
  source?.close();
  source = null;
  clearTimeout(retry);
  retry = null;
}

// A hidden page listens to nothing: it costs the gateway nothing, and catches up at once.
document.addEventListener("visibilitychange", () => {
  if (document.hidden) close();
  else if (link.get().at) open();
});
