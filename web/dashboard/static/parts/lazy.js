// What is far from what is seen is not in the page: a place of its height stands for it.
// Long pages of things of any height stay as light as short ones.
import { html, useEffect, useRef, useState } from "../lib/dom.js";

const seen = new Map(); // what to tell of each place
const watch = new IntersectionObserver((entries) => entries.forEach((e) => seen.get(e.target)?.(e.isIntersecting)), { rootMargin: "600px 0px" });

// Lazy shows what make answers while it is near. height is what it takes at first, in
// pixels; early: it is there from the beginning.
export function Lazy({ height, early, make }) {
  const box = useRef();
  const last = useRef(height);
  const [near, set] = useState(!!early);
  useEffect(() => {
    const place = box.current;
    seen.set(place, (is) => {
      // What holds the focus stays.
      if (!is && place.contains(document.activeElement)) return;
      if (!is && place.offsetHeight) last.current = place.offsetHeight;
      set(is);
    });
    watch.observe(place);
    return () => { watch.unobserve(place); seen.delete(place); };
  }, []);
  return html`<div ref=${box} class="lazy" style=${near ? {} : { height: last.current + "px" }}>${near && make()}</div>`;
}

// chunks cuts rows into pieces of so many.
export function chunks(rows, size) {
  return Array.from({ length: Math.ceil(rows.length / size) }, (_, i) => rows.slice(i * size, (i + 1) * size));
}

// LazyRows shows rows of about one height in pieces, of which those that are near are in
// the page.
export function LazyRows({ rows, size = 20, height, row }) {
  return chunks(rows, size).map((piece, i) => html`<${Lazy} key=${i} early=${i === 0} height=${piece.length * height} make=${() => piece.map(row)} />`);
}
