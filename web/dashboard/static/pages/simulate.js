// Simulate: recorded calls against a configuration, in virtual time; and two of them side
// by side. What is looked at stands in the address: a, and b beside it.
import { html, useEffect, useState } from "../lib/dom.js";
import { t } from "../lib/i18n.js";
import { get } from "../lib/api.js";
import { useLoad } from "../lib/load.js";
import { refine } from "../lib/router.js";
import { can, operators } from "../lib/who.js";
import { Loading, Failure, Empty } from "../parts/states.js";
import { Jobs, active } from "../parts/simjobs.js";
import { Form } from "../parts/simform.js";
import { Result } from "../parts/simresult.js";

// useJobs are all jobs, looked at each second while one of them is under way.
function useJobs() {
  const loaded = useLoad(() => get("/simulate"), [], 15_000);
  const busy = loaded.data?.data.some(active);
  useEffect(() => {
    if (!busy) return;
    const timer = setInterval(() => document.hidden || loaded.again(), 700);
    return () => clearInterval(timer);
  }, [busy, loaded.again]);
  return loaded;
}

export function Page({ at }) {
  const { data, error, again } = useJobs();
  const [seed, plant] = useState({ n: 0 }); // what the form begins with
  const jobs = data?.data || [];
  const a = jobs.find((j) => j.id === at.query.a);
  const b = jobs.find((j) => j.id === at.query.b && j.id !== at.query.a);
  const look = (first, second) => refine({ a: first || "", b: second || "" });
  const made = (job) => {
    again();
    const beside = a?.state === "done" && job.trace_id === a.trace_id;
    look(beside ? a.id : job.id, beside ? job.id : "");
    requestAnimationFrame(() => document.getElementById("simulations")?.scrollIntoView({ block: "start" }));
  };
  return html`<div class="pagehead"><h1>${t("page.simulate")}</h1><span class="quiet small">${t("sim.about")}</span></div>
    ${can(...operators) ? html`<${Form} key=${seed.n} jobs=${jobs} begin=${seed} made=${made} />` : html`<p class="notice">${t("sim.readonly")}</p>`}
    ${error ? html`<${Failure} error=${error} again=${again} />` : !data ? html`<${Loading} rows=${3} />` : jobs.length === 0 ? html`<${Empty}><p>${t("sim.none")}</p><p class="quiet small">${t("sim.none.about")}</p><//>`
      : html`<${Jobs} jobs=${jobs} a=${a} b=${b} look=${look} again=${again} vary=${(job) => plant((s) => ({ n: s.n + 1, job }))} />`}
    ${a && html`<${Result} a=${a} b=${b} swap=${() => look(b.id, a.id)} />`}`;
}
