// What is told to those who listen instead of look: which page has opened, and what limits,
// when it begins, turns into something else, and ends; never again while only its figures move.
import { html, useEffect, useRef, useState } from "../lib/dom.js";

const pause = 10_000; // between two sentences
const settle = 1_000; // what is over sooner is not told

// useSentence is what was last worth telling: the words as they are a moment after their
// subject has changed.
function useSentence(subject, words) {
  const [told, tell] = useState("");
  const latest = useRef();
  const last = useRef(0);
  const timer = useRef(null);
  latest.current = words;
  useEffect(() => {
    timer.current ||= setTimeout(() => {
      timer.current = null;
      last.current = Date.now();
      tell(latest.current);
    }, Math.max(settle, last.current + pause - Date.now()));
  }, [subject]);
  useEffect(() => () => clearTimeout(timer.current), []);
  return told;
}

export function Announce({ page, subject, words }) {
  const told = useSentence(subject, words);
  return html`<div class="hidden-label"><p role="status">${page}</p><p role="status" id="told">${told}</p></div>`;
}
