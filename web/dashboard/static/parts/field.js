// Fields of forms: a label, the input, what it means, and what is wrong with it.
import { html, useId, useRef, useState } from "../lib/dom.js";
import { t } from "../lib/i18n.js";

// Field wraps one input. The input is a function of the attributes that tie it to its label.
export function Field({ label, about, error, children }) {
  const id = useId();
  const tied = { id, "aria-describedby": about || error ? id + "-about" : undefined, "aria-invalid": error ? "true" : undefined };
  return html`<div class="field">
    <label for=${id}>${label}</label>
    ${children(tied)}
    ${(about || error) && html`<p id=${id + "-about"} class=${error ? "wrong small" : "quiet small"}>${error || about}</p>`}
  </div>`;
}

export const Text = ({ value, set, label, about, error, ...rest }) => html`<${Field} label=${label} about=${about} error=${error}>
  ${(tied) => html`<input ...${tied} ...${rest} value=${value ?? ""} onInput=${(e) => set(e.target.value)} />`}<//>`;

export const Area = ({ value, set, label, about, error, ...rest }) => html`<${Field} label=${label} about=${about} error=${error}>
  ${(tied) => html`<textarea spellcheck=${false} ...${tied} ...${rest} value=${value ?? ""} onInput=${(e) => set(e.target.value)}></textarea>`}<//>`;

export const Choice = ({ value, set, label, about, error, options }) => html`<${Field} label=${label} about=${about} error=${error}>
  ${(tied) => html`<select ...${tied} value=${value ?? ""} onChange=${(e) => set(e.target.value)}>
    ${options.map(([v, text]) => html`<option key=${v} value=${v}>${text}</option>`)}</select>`}<//>`;

export const Check = ({ value, set, label }) => html`<label class="check"><input type="checkbox" checked=${value} onChange=${(e) => set(e.target.checked)} /> ${label}</label>`;

// Search is the field that / goes to.
export const Search = ({ value, set, label }) => html`<label class="search"><span class="hidden-label">${label}</span>
  <input type="search" data-search placeholder=${label} value=${value} onInput=${(e) => set(e.target.value)} /></label>`;

// select marks a text, and copies it as the browser's own menu would.
function select(node) {
  getSelection().selectAllChildren(node);
  document.execCommand("copy");
}

// Code is text to be copied.
export function Code({ text, label }) {
  const [done, set] = useState(false);
  const ref = useRef();
  const copy = async () => {
    if (navigator.clipboard) await navigator.clipboard.writeText(text).catch(() => select(ref.current));
    else select(ref.current); // pages without TLS have no clipboard
    set(true);
    setTimeout(() => set(false), 1500);
  };
  return html`<div class="code"><pre ref=${ref} tabindex="0" role="group" aria-label=${label}>${text}</pre><button onClick=${copy}>${done ? t("copied") : t("copy")}</button></div>`;
}
