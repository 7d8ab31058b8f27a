/** Texts in the language of the page, from `i18n/en.json` or `i18n/fr.json`. */

const LANGUAGES = ["en", "fr"];

/** @returns {"en" | "fr"} */
function choose() {
  const wanted = [localStorage.getItem("language"), ...navigator.languages].map((tag) => (tag ?? "").slice(0, 2));
  return /** @type {"en" | "fr"} */ (wanted.find((tag) => LANGUAGES.includes(tag)) ?? "en");
}

/** The language of the page. */
export const language = choose();

/** The file of the texts; without it a page would stay empty, so it is asked for twice. */
function load() {
  return fetch(new URL(`../i18n/${language}.json`, import.meta.url));
}

/** @type {Record<string, string>} */
const texts = await (await load().catch(load)).json();
const plurals = new Intl.PluralRules(language);

/**
 * The text of a key, with `{name}` filled in. A key that does not exist is shown as it is.
 * @param {string} key
 * @param {Record<string, string | number>} [values]
 */
export function t(key, values = {}) {
  return (texts[key] ?? key).replace(/\{(\w+)\}/g, (whole, name) => String(values[name] ?? whole));
}

/**
 * The text for a count: the key ends in `.one` or `.other`; `{n}` is the count as a text.
 * @param {string} key
 * @param {number} count
 * @param {Record<string, string | number>} [values]
 */
export function tn(key, count, values = {}) {
  const form = plurals.select(count) === "one" ? "one" : "other";
  return t(`${key}.${form}`, { n: count.toLocaleString(language), ...values });
}

/**
 * Changes the language: the page loads again, and its URL keeps the state.
 * @param {string} name
 */
export function setLanguage(name) {
  localStorage.setItem("language", name);
  location.reload();
}

/** Fills in the texts of the page itself: `data-i18n` is the content, `data-i18n-label` the label. */
export function translatePage() {
  document.documentElement.lang = language;
  for (const element of document.querySelectorAll("[data-i18n]")) {
    element.textContent = t(/** @type {HTMLElement} */ (element).dataset.i18n ?? "");
  }
  for (const element of document.querySelectorAll("[data-i18n-label]")) {
    element.setAttribute("aria-label", t(/** @type {HTMLElement} */ (element).dataset.i18nLabel ?? ""));
  }
}
