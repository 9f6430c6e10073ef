// Data that a page asks for once, or again and again while it is looked at.
import { useEffect, useState, useCallback, useRef } from "./dom.js";
import { get } from "./api.js";

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

// usePages answers a long list as far as it was looked at: {rows, whole, error, again, more}.
// more reads the next page; whole says that there is none.
export function usePages(path, query, size = 200) {
  const { data, error, again } = useLoad(() => get(path, { ...query, limit: size }), [path, ...Object.values(query)]);
  const [later, set] = useState({ of: null, rows: [], next: "" });
  const asked = useRef("");
  const next = later.of === data ? later.next : data?.next;
  const more = async () => {
    if (!next || asked.current === next) return;
    asked.current = next;
    try {
      const page = await get(path, { ...query, limit: size, after: next });
      set((s) => ({ of: data, rows: [...(s.of === data ? s.rows : []), ...page.data], next: page.next }));
    } catch {
      asked.current = ""; // whoever goes on asks again
    }
  };
  useEffect(() => { asked.current = ""; }, [data]);
  const rows = data && (later.of === data ? [...data.data, ...later.rows] : data.data);
  return { rows, whole: !next, error, again, more };
}

// useCalm answers a value once it has stood still for a moment.
export function useCalm(value, ms = 150) {
  const [calm, set] = useState(value);
  useEffect(() => {
    const timer = setTimeout(() => set(value), ms);
    return () => clearTimeout(timer);
  }, [value]);
  return calm;
}
