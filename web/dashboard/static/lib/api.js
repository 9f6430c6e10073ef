// The admin API, as the page asks it. Whoever has signed in has a cookie; nothing else
// identifies the page.

const PREFIX = "/admin/api/v1";

// ApiError is an answer that says no.
export class ApiError extends Error {
  constructor(status, body) {
    super(body?.message || `HTTP ${status}`);
    this.status = status;
    this.code = body?.code || "";
    this.fields = body?.fields || {};
    this.detail = body?.detail;
  }
}

let onSignedOut = () => {};

// whenSignedOut sets what happens when the session has ended.
export function whenSignedOut(f) { onSignedOut = f; }

// url is a path of the API with its query; empty values are left out.
export function url(path, query = {}) {
  const params = new URLSearchParams();
  for (const [name, value] of Object.entries(query)) {
    if (value !== undefined && value !== null && value !== "") params.set(name, value);
  }
  const text = params.toString();
  return PREFIX + path + (text ? "?" + text : "");
}

// call sends a request and answers what came back, as JSON or as text.
export async function call(method, path, { query, body, form, text, type, headers, signal } = {}) {
  const init = { method, headers: { accept: "application/json", ...headers }, credentials: "same-origin", signal };
  if (body !== undefined) {
    init.body = JSON.stringify(body);
    init.headers["content-type"] = "application/json";
  } else if (form !== undefined) {
    init.body = form;
  } else if (text !== undefined) {
    init.body = text;
    init.headers["content-type"] = type || "text/plain";
  }
  let response;
  try {
    response = await fetch(url(path, query), init);
  } catch (e) {
    if (e.name === "AbortError") throw e;
    throw new ApiError(0, { message: "the gateway cannot be reached", code: "unreachable" });
  }
  if (response.status === 204) return null;
  const raw = await response.text();
  let value = raw;
  if ((response.headers.get("content-type") || "").includes("json")) {
    try { value = JSON.parse(raw); } catch { value = null; }
  }
  if (!response.ok) {
    if (response.status === 401 && path !== "/session") onSignedOut();
    throw new ApiError(response.status, value?.error);
  }
  return value;
}

export const get = (path, query, more) => call("GET", path, { query, ...more });
export const post = (path, body, more) => call("POST", path, { body, ...more });
export const put = (path, body, more) => call("PUT", path, { body, ...more });
export const patch = (path, body, more) => call("PATCH", path, { body, ...more });
export const remove = (path, more) => call("DELETE", path, more);

// all reads every page of a list, up to a bound.
export async function all(path, query = {}, most = 10_000) {
  const rows = [];
  let after;
  do {
    const page = await get(path, { ...query, after });
    rows.push(...page.data);
    after = page.next;
  } while (after && rows.length < most);
  return rows;
}
