// What pages are written with: Preact's elements as tagged templates, and its hooks.
import { h, render, Fragment, createContext } from "../vendor/preact.js";
import htm from "../vendor/htm.js";

export { h, render, Fragment, createContext };
export { useState, useEffect, useMemo, useRef, useCallback, useContext, useId, useLayoutEffect, useReducer, useErrorBoundary } from "../vendor/hooks.js";

export const html = htm.bind(h);

// cx joins the class names that are not empty.
export const cx = (...names) => names.filter(Boolean).join(" ");
