// A value that pages watch. Changes are told once a frame at most.
import { useEffect, useState, useRef } from "./dom.js";

export function store(value) {
  const watchers = new Set();
  let asked = false;
  const tell = () => {
    if (!asked) return;
    asked = false;
    for (const w of [...watchers]) w();
  };
  return {
    get: () => value,
    set(next) {
      value = typeof next === "function" ? next(value) : next;
      if (!asked) {
        asked = true;
        requestAnimationFrame(tell);
        setTimeout(tell, 100); // frames stand still where nobody looks
      }
    },
    watch(f) {
      watchers.add(f);
      return () => watchers.delete(f);
    },
  };
}

// useStore renders again when what select answers has changed.
export function useStore(s, select = (v) => v) {
  const [, again] = useState(0);
  const last = useRef({}).current;
  last.select = select;
  last.seen = select(s.get());
  useEffect(() => {
    const look = () => Object.is(last.select(s.get()), last.seen) || again((n) => n + 1);
    look(); // it may have changed, and been told, since this was rendered
    return s.watch(look);
  }, [s]);
  return last.seen;
}
