// Words in two languages, from plain JSON files. English is the fallback of whatever a
// language lacks, and a test keeps both files to the same names.

const languages = ["en", "ko"];
let words = {};
let fallback = {};
let current = "en";

// preferred is the language that was chosen, or that the browser asks for.
function preferred() {
  let saved = null;
  try { saved = localStorage.getItem("language"); } catch { /* storage may be forbidden */ }
  if (languages.includes(saved)) return saved;
  return (navigator.languages || []).map((l) => l.slice(0, 2)).find((l) => languages.includes(l)) || "en";
}

async function load(language) {
  const response = await fetch(`/i18n/${language}.json`);
  return response.json();
}

// begin loads the words of the preferred language.
export async function begin() {
  current = preferred();
  [fallback, words] = await Promise.all([load("en"), load(current)]);
  document.documentElement.lang = current;
}

// choose changes the language for good.
export async function choose(language) {
  try { localStorage.setItem("language", language); } catch { /* then for this visit */ }
  words = await load(language);
  current = language;
  document.documentElement.lang = language;
}

export const language = () => current;
export { languages };

// t is a text by its name, with {values} put in. A name with _one beside it has another
// form for one.
export function t(name, values = {}) {
  const one = values.n === 1 && (words[name + "_one"] || fallback[name + "_one"]);
  const text = one || words[name] || fallback[name] || name;
  return text.replace(/\{(\w+)\}/g, (whole, key) => (key in values ? values[key] : whole));
}
