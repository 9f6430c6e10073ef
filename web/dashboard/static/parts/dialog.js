// Dialogs: the browser's own, so that focus, Esc and the rest of the page behave.
import { html, cx, useEffect, useRef, useState, useId } from "../lib/dom.js";
import { t } from "../lib/i18n.js";

export function Dialog({ title, close, wide, children }) {
  const ref = useRef();
  const id = useId();
  useEffect(() => {
    const before = document.activeElement;
    ref.current.showModal();
    return () => (before?.isConnected ? before : document.getElementById("content"))?.focus({ preventScroll: true });
  }, []);
  return html`<dialog ref=${ref} class=${cx("dialog", wide && "wide")} aria-labelledby=${id}
      onCancel=${(e) => { e.preventDefault(); close(); }} onClick=${(e) => e.target === ref.current && close()}>
    <div class="sheet">
      <header><h1 id=${id}>${title}</h1><button class="plain" onClick=${close} aria-label=${t("close")}>✕</button></header>
      ${children}
    </div>
  </dialog>`;
}

// Confirm asks once, and says in numbers what will happen. act answers a promise; its
// error is shown and the question stays. What is dangerous waits until it is ready: until
// the numbers are there.
export function Confirm({ title, says, verb, danger = true, ready = true, act, close, children }) {
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState(null);
  const go = async (e) => {
    e.preventDefault();
    setBusy(true);
    setError(null);
    try {
      await act();
      close();
    } catch (problem) {
      setError(problem);
      setBusy(false);
    }
  };
  return html`<${Dialog} title=${title} close=${close}>
    <form class="stack" onSubmit=${go}>
      ${says && html`<p>${says}</p>`}
      ${children}
      ${error && html`<p class="notice refused" role="alert">${error.message}</p>`}
      <div class="row end">
        <button type="button" autofocus=${danger} onClick=${close}>${t("cancel")}</button>
        <button class=${danger ? "danger" : "main"} autofocus=${!danger} disabled=${busy || (danger && !ready)}>${verb}</button>
      </div>
    </form>
  <//>`;
}
