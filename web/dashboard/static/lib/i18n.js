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
// form for one; Korean has none.
export function t(name, values = {}) {
  const one = String(values.n) === "1" && (words[name + "_one"] || (!words[name] && fallback[name + "_one"]));
  const text = one || words[name] || fallback[name] || name;
  const full = text.replace(/\{(\w+)\}/g, (whole, key) => (key in values ? values[key] : whole));
  return current === "ko" ? withParticles(full) : full;
}

// known says whether there is a text of a name.
export const known = (name) => name in words || name in fallback;

// Korean particles depend on the sound before them: whether it ends in a consonant, and
// whether that is ㄹ.
const pairs = { "을(를)": ["을", "를"], "이(가)": ["이", "가"], "은(는)": ["은", "는"], "과(와)": ["과", "와"], "(으)로": ["으로", "로"] };

// ending is how a text ends when it is spoken: consonant, ㄹ, vowel, or null where that
// cannot be told, as after many Latin letters.
function ending(text) {
  const last = text.replace(/[\s"'”’)\]…*]+$/u, "").at(-1) || "";
  const code = last.charCodeAt(0) - 0xac00;
  if (code >= 0 && code < 11172) return code % 28 === 0 ? "vowel" : code % 28 === 8 ? "ㄹ" : "consonant";
  if (/[0136]/.test(last)) return last === "1" ? "ㄹ" : "consonant";
  if (/[78]/.test(last)) return "ㄹ";
  if (/[2459aeiouysfvzdrhwjxAEIOUY]/.test(last)) return "vowel"; // plus is said 플러스
  if (/[mnMN]/.test(last)) return "consonant";
  return /[lL]/.test(last) ? "ㄹ" : null;
}

function withParticles(text) {
  return text.replace(/을\(를\)|이\(가\)|은\(는\)|과\(와\)|\(으\)로/g, (particle, at) => {
    const before = ending(text.slice(0, at));
    if (!before) return particle;
    const closed = before === "consonant" || (before === "ㄹ" && particle !== "(으)로");
    return pairs[particle][closed ? 0 : 1];
  });
}
