// Which page is open: the part of the address behind #, such as #/requests/req_1?owner=acme.
import { store } from "./store.js";

function read() {
  const [path, query = ""] = location.hash.replace(/^#\/?/, "").split("?");
  const [page = "", ...rest] = path.split("/").map(decodeURIComponent);
  return { page, rest, query: Object.fromEntries(new URLSearchParams(query)) };
}

export const place = store(read());
addEventListener("hashchange", () => place.set(read()));

// href is the address of a page.
export function href(page, rest = [], query = {}) {
  const path = [page, ...rest].map(encodeURIComponent).join("/");
  const text = new URLSearchParams(Object.entries(query).filter(([, v]) => v)).toString();
  return "#/" + path + (text ? "?" + text : "");
}

// go opens a page.
export function go(page, rest, query) { location.hash = href(page, rest, query); }

// refine changes the query of the page that is open, without a step in the history.
export function refine(query) {
  const now = place.get();
  history.replaceState(null, "", href(now.page, now.rest, { ...now.query, ...query }));
  place.set(read());
}
