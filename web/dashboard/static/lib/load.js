// Data that a page asks for once, or again and again while it is looked at.
import { useEffect, useState, useCallback, useRef } from "./dom.js";

// useLoad answers {data, error, loading, again}. What was loaded stays while it is loaded
// again, so the layout stands still. every is a pause in milliseconds; none: once.
export function useLoad(load, depends = [], every) {
  const [state, set] = useState({ data: undefined, error: null, loading: true });
  const turn = useRef(0);
  const again = useCallback(async () => {
    const mine = ++turn.current;
    set((s) => ({ ...s, loading: true }));
    try {
      const data = await load();
      if (mine === turn.current) set({ data, error: null, loading: false });
    } catch (error) {
      if (mine === turn.current && error.name !== "AbortError") set((s) => ({ ...s, error, loading: false }));
    }
  }, depends);
  useEffect(() => {
    again();
    const timer = every && setInterval(() => document.hidden || again(), every);
    return () => {
      turn.current++;
      clearInterval(timer);
    };
  }, [again]);
  return { ...state, again };
}
