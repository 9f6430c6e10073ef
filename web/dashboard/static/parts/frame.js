// The frame around every page: the rail, and the line that always says what limits now.
import { html, cx, useEffect, useRef, useState } from "../lib/dom.js";
import { t, choose, language, languages } from "../lib/i18n.js";
import { useStore } from "../lib/store.js";
import { place, href, go } from "../lib/router.js";
import { live, link } from "../lib/live.js";
import { span, clock, moment } from "../lib/format.js";
import { sentence, cause } from "../lib/limiting.js";
import { remove } from "../lib/api.js";
import { pages, pageOf, may } from "../lib/pages.js";
import { Toasts } from "./toast.js";
import { Help } from "./help.js";
import { Announce } from "./announce.js";

// useTick renders again every so many milliseconds.
export function useTick(ms) {
  const [, set] = useState(0);
  useEffect(() => {
    const timer = setInterval(() => document.hidden || set((n) => n + 1), ms);
    return () => clearInterval(timer);
  }, [ms]);
}

function TopLine({ help, page }) {
  useTick(1000);
  const state = useStore(live, (s) => s?.now);
  const l = useStore(link);
  const age = l.at ? Date.now() - l.at : -1;
  const limits = state?.limiting;
  const kind = !l.up ? "off" : limits?.kind || "free";
  const words = !l.up && l.at ? t("stale", { age: span(age) }) : !state ? t("loading") : sentence(limits);
  return html`<section class="topline" aria-label=${t("now.limits")}>
    <div class="sentence"><span class=${cx("dot", kind)} aria-hidden="true"></span>${l.up && state && kind !== "free" ? html`<a href=${cause(limits)}>${words}</a>` : html`<span>${words}</span>`}</div>
    <${Announce} page=${page} subject=${[kind, limits?.account, limits?.group, limits?.dimension].join()} words=${words} />
    <div class="facts">
      ${state && html`<span title=${`${t("data.clock")}: ${moment(state.at)}`}>${clock(state.at)}</span>`}
      ${state?.node && html`<span class="clip" title=${t("node")}>${state.node}</span>`}
      <button class="plain" onClick=${help} aria-label=${t("help")}><kbd>?</kbd></button>
    </div>
  </section>`;
}

function scheme() {
  try { return localStorage.getItem("scheme") || ""; } catch { return ""; }
}

function dress(name) {
  if (name) document.documentElement.dataset.scheme = name;
  else delete document.documentElement.dataset.scheme;
  try { localStorage.setItem("scheme", name); } catch { /* then for this visit */ }
}

function Foot({ me, again, reword }) {
  const [colours, set] = useState(scheme);
  const leave = async () => {
    await remove("/session").catch(() => {});
    again();
  };
  return html`<div class="foot small">
    <label><span class="hidden-label">${t("language")}</span>
      <select value=${language()} onChange=${async (e) => { await choose(e.target.value); reword(); }}>
        ${languages.map((l) => html`<option key=${l} value=${l}>${t("language." + l)}</option>`)}
      </select></label>
    <label><span class="hidden-label">${t("scheme")}</span>
      <select value=${colours} onChange=${(e) => { set(e.target.value); dress(e.target.value); }}>
        ${["", "light", "dark"].map((s) => html`<option key=${s} value=${s}>${t("scheme." + (s || "system"))}</option>`)}
      </select></label>
    <div class="clip" title=${me.name}>${me.name}</div>
    <div class="quiet">${t("role." + me.role)}</div>
    <button onClick=${leave}>${t("signout")}</button>
  </div>`;
}

// useKeys are the keys that work everywhere: g and a letter, / and ?.
function useKeys(me, help) {
  const chord = useRef(0);
  useEffect(() => {
    const typed = (e) => {
      const field = e.target.closest?.("input, textarea, select, [contenteditable]");
      if (e.ctrlKey || e.metaKey || e.altKey || field || document.querySelector("dialog[open]")) return;
      if (e.key === "?") return help();
      if (e.key === "/") {
        const search = document.querySelector("[data-search]");
        if (search) { e.preventDefault(); search.focus(); }
        return;
      }
      if (e.key === "g") { chord.current = Date.now(); return; }
      const page = Date.now() - chord.current < 1500 && pages().find((p) => p.key === e.key && may(me.role, p));
      chord.current = 0;
      if (page) { e.preventDefault(); go(page.name); }
    };
    addEventListener("keydown", typed);
    return () => removeEventListener("keydown", typed);
  }, [me.role]);
}

export function Frame({ me, again, reword, children }) {
  const at = useStore(place);
  const l = useStore(link);
  const [help, showHelp] = useState(false);
  const [menu, setMenu] = useState(false); // open, where the screen is small
  useEffect(() => setMenu(false), [at]);
  useKeys(me, () => showHelp(true));
  useEffect(() => dress(scheme()), []);
  const open = pageOf(at.page, me.role);
  return html`<div class=${cx("frame", l.at && !l.up && "stale")}>
    <a class="skip" href="#content" onClick=${(e) => { e.preventDefault(); document.getElementById("content").focus(); }}>${t("skip")}</a>
    <header class=${cx("rail", menu && "open")}>
      <a class="brand" href=${href("")}><img src="/icon.svg" alt="" />Sluice</a>
      <button class="menu" aria-expanded=${menu ? "true" : "false"} aria-controls="pages" onClick=${() => setMenu(!menu)}>${t("menu")}</button>
      <nav id="pages" aria-label=${t("pages")}>
        ${pages().filter((p) => may(me.role, p)).map((p) => html`
          <a key=${p.name} href=${href(p.name)} aria-current=${p.name === open.name ? "page" : undefined}>${p.title}<kbd aria-hidden="true">g ${p.key}</kbd></a>`)}
      </nav>
      <${Foot} me=${me} again=${again} reword=${reword} />
    </header>
    <div class="main">
      <${TopLine} page=${open.title} help=${() => showHelp(true)} />
      <main class="page" id="content" tabindex="-1">${children}</main>
    </div>
    <${Toasts} />
    ${help && html`<${Help} close=${() => showHelp(false)} me=${me} />`}
  </div>`;
}
