/**
 * What the API says in English, in the language of the page. `i18n/sentences.fr.json` has each sentence, and parts of
 * some, with gaps. `{n}` is a number; `{text}` stays as it is; `{part}` is said in the language of the page, too;
 * `{reasons}` are parts with semicolons between them; `{reason}` is why a row was rejected, `{record}` that of a row that
 * has no fields; `{column}` is a name, `{columns}` are names with meanings; `{meaning}` and `{encoding}` are those of a
 * check. `[s]` may be missing.
 */

import { h } from "./dom.js";
import { number } from "./format.js";
import { language, t } from "./i18n.js";

/** What sentences say of the command line in brackets. */
const COMMANDS = / \(--(?:dialect|column) [^)]*\)/g;

/** What a gap may hold, if not any text, which may have line ends. */
const GAPS = /** @type {Record<string, string>} */ ({
  n: "\\d[\\d,]*",
  reason: "[a-z_]+",
  record: "bad_encoding|record_too_long|bad_quotes|field_count",
  column: "(?:(?! in ).)*?",
  meaning: "[a-z]+",
});

/** Between two reasons. */
const NEXT_REASON = /; (?=[a-z_]+: [\d,]+ rows?, first at line )/;

/** How what a gap holds is said; null if the language of the page has no words for it. */
const SAID = /** @type {Record<string, (value: string) => string | null>} */ ({
  n: (value) => number(Number(value.replaceAll(",", ""))),
  text: (value) => value,
  part: translated,
  reasons: (value) => joined(value.split(NEXT_REASON).map(translated)),
  reason: (value) => t(`reason.${value}`),
  record: (value) => t(`reason.${value}`),
  column: (value) => value,
  columns: (value) => value.replace(/\(given as ([a-z]+)\)/g, (_, meaning) => `(${meaningOf(meaning)})`),
  meaning: meaningOf,
  encoding: (value) => t(`value.encoding_${value.replace("-", "")}`),
});

/** @param {string} name */
function meaningOf(name) {
  return t(`meaning.${name === "day" ? "date" : name}`);
}

/** @type {[RegExp, string][]} Without their file, sentences stay in English. */
const sentences = language === "en" ? [] : Object.entries(await load().catch(load).catch(() => ({}))).map(([english, text]) => [pattern(english), text]);

/** @returns {Promise<Record<string, string>>} */
async function load() {
  return (await fetch(new URL(`../i18n/sentences.${language}.json`, import.meta.url))).json();
}

/** @param {string} english */
function pattern(english) {
  const plain = english.replace(/[.*+?^$()|\\]/g, "\\$&").replaceAll("[s]", "s?");
  const gaps = plain.replace(/\{([a-z]+)(\d?)\}/g, (_, kind, index) => `(?<${kind}${index}>${GAPS[kind] ?? ".*?"})`);
  return new RegExp(`^${gaps}$`, "s");
}

/** @param {(string | null)[]} parts */
function joined(parts) {
  return parts.includes(null) ? null : parts.join("\u00a0; ");
}

/**
 * A sentence in the language of the page; null if it has no words for it.
 * @param {string} english
 * @returns {string | null}
 */
export function translated(english) {
  for (const [regex, text] of sentences) {
    const match = regex.exec(english);
    const said = match && filled(text, match.groups ?? {});
    if (said) return said;
  }
  return null;
}

/** @param {string} text @param {Record<string, string>} gaps */
function filled(text, gaps) {
  const said = Object.entries(gaps).map(([name, value]) => [name, SAID[name.replace(/\d/, "")](value)]);
  if (said.some(([, value]) => value === null)) return null;
  const values = Object.fromEntries(said);
  return text.replace(/\{(\w+)\}/g, (_, name) => values[name]);
}

/**
 * A sentence of the API for the page, without commands: in its language, or else in English.
 * @param {string} english
 */
export function said(english) {
  const sentence = english.replaceAll(COMMANDS, "");
  return translated(sentence) ?? h("span", { lang: "en" }, sentence);
}
