// The page: who is signed in, which page is open, and the frame around it.
import { html, render, useEffect, useState } from "./lib/dom.js";
import { whenSignedOut, get } from "./lib/api.js";
import { begin } from "./lib/i18n.js";
import { store, useStore } from "./lib/store.js";
import * as stream from "./lib/live.js";
import { place } from "./lib/router.js";
import { Frame } from "./parts/frame.js";
import { SignIn } from "./pages/signin.js";
import { Loading, Broken, Failure } from "./parts/states.js";
import { who } from "./lib/who.js";
import { pageOf, may } from "./lib/pages.js";

const words = store(0); // grows when the language changes, so that all is written anew

async function identify() {
  try {
    const session = await get("/session");
    who.set({ ...session.identity, ways: session.sign_in });
  } catch (error) {
    who.set({ error });
  }
}

function Page() {
  const at = useStore(place);
  const me = useStore(who);
  const page = pageOf(at.page, me.role);
  const [module, set] = useState(null);
  useEffect(() => {
    let gone = false;
    set(null);
    page.load().then((m) => gone || set({ name: page.name, Page: m.Page }), (error) => gone || set({ name: page.name, error }));
    document.title = page.title + " · Sluice";
    return () => { gone = true; };
  }, [page.name]);
  if (!may(me.role, page)) return html`<${Broken} kind="forbidden" title=${page.title} roles=${page.roles} />`;
  if (!module || module.name !== page.name) return html`<${Loading} />`;
  if (module.error) return html`<${Failure} error=${module.error} />`;
  return html`<${module.Page} key=${page.name} at=${at} />`;
}

function App() {
  const me = useStore(who);
  useStore(words);
  useEffect(() => {
    if (!me?.role) return;
    stream.open();
    return stream.close;
  }, [me?.role, me?.name]);
  if (!me) return html`<${Loading} />`;
  if (!me.role) return html`<${SignIn} me=${me} again=${identify} />`;
  return html`<${Frame} me=${me} reword=${() => words.set((n) => n + 1)} again=${identify}><${Page} /><//>`;
}

whenSignedOut(() => who.get()?.role && identify());
await begin();
identify();
const root = document.getElementById("app");
root.replaceChildren();
render(html`<${App} />`, root);
