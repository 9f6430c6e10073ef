// Why a call went on, failed or was refused, in words. The gateway tells a name; a name
// that this page has no words for is shown as it is.
import { t, known } from "../lib/i18n.js";

// reason words a failure's kind, such as rate_tokens, or a step, such as no_room.
export function reason(name) {
  const id = "reason." + String(name).toLowerCase().replace(/[^a-z0-9]+/g, "_").replace(/_$/, "");
  return known(id) ? t(id) : String(name);
}
