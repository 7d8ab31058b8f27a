/**
 * What the API says in English, in the language of the page. `i18n/sentences.fr.json` has each sentence, and parts of
 * some, with gaps: `{n}` is a number, `{text}` stays as it is, `{part}` is said in the language of the page, too,
 * `{parts}` are several with a semicolon between them, `{reason}` is why a row was rejected, `{columns}` are columns that may have a meaning; `[s]` may be missing.
 */

import { h } from "./dom.js";
import { number } from "./format.js";
import { language, t } from "./i18n.js";

/** What sentences say of the command line in brackets. */
const COMMANDS = / \(--[^)]*\)/g;

/** What a gap may hold. Most gaps are short, but values of a source may have line ends. */
const GAPS = /** @type {Record<string, string>} */ ({ n: "\\d[\\d,]*", reason: "[a-z_]+" });

/** How what a gap holds is said; null if the language of the page has no words for it. */
const SAID = /** @type {Record<string, (value: string) => string | null>} */ ({
  n: (value) => number(Number(value.replaceAll(",", ""))),
  text: (value) => value,
  part: translated,
  parts: (value) => joined(value.split("; ").map(translated)),
  reason: (value) => t(`reason.${value}`),
  columns: (value) => value.replace(/\(given as (\w+)\)/g, (_, meaning) => `(${t(`meaning.${meaning}`)})`),
});

/** @type {[RegExp, string][]} */
const sentences = language === "en" ? [] : Object.entries(await load()).map(([english, text]) => [pattern(english), text]);

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
