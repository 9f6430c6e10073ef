// Who is signed in: {name, role, owner}; null while it is not known.
import { store } from "./store.js";

export const who = store(null);

// can says whether a role is among those given.
export const can = (...roles) => roles.includes(who.get()?.role);

// The sets of roles that the admin API uses, too.
export const operators = ["admin", "operator"];
export const readers = ["admin", "operator", "viewer"];
export const everybody = ["admin", "operator", "viewer", "key-owner"];
export const admins = ["admin"];
