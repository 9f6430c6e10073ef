// The pages, in the order of the rail: their key after g, and who may see them.
import { t } from "./i18n.js";
import { everybody, readers } from "./who.js";

export const pages = () => [
  { name: "now", key: "n", roles: readers, load: () => import("../pages/now.js") },
  { name: "budgets", key: "b", roles: everybody, load: () => import("../pages/budgets.js") },
  { name: "routes", key: "r", roles: readers, load: () => import("../pages/routes.js") },
  { name: "upstreams", key: "u", roles: readers, load: () => import("../pages/upstreams.js") },
  { name: "keys", key: "k", roles: everybody, load: () => import("../pages/keys.js") },
  { name: "requests", key: "q", roles: everybody, load: () => import("../pages/requests.js") },
  { name: "usage", key: "c", roles: everybody, load: () => import("../pages/usage.js") },
  { name: "simulate", key: "m", roles: readers, load: () => import("../pages/simulate.js") },
  { name: "settings", key: "s", roles: readers, load: () => import("../pages/settings.js") },
  { name: "playground", key: "p", roles: ["admin", "operator"], load: () => import("../pages/playground.js") },
].map((p) => ({ ...p, title: t("page." + p.name) }));

// may says whether a role sees a page.
export const may = (role, page) => page.roles.includes(role);

// pageOf is the page of a name; without one, the first that a role may see.
export const pageOf = (name, role) => pages().find((p) => p.name === name) || pages().find((p) => may(role, p));
