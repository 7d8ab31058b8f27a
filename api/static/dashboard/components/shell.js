/** What all pages share: header, texts of the page, and a banner while the API or Redis is away. */

import { connection } from "../lib/connection.js";
import { fill, h } from "../lib/dom.js";
import { language, setLanguage, t, translatePage } from "../lib/i18n.js";
import { theme, themes, toggleTheme } from "../lib/themes.js";
import { icon } from "./icons.js";
import { signInButton } from "./signin.js";

/**
 * Prepares the page and returns its main element, to be filled.
 * @param {string} title The key of the title.
 * @returns {HTMLElement}
 */
export function startPage(title) {
  sessionStorage.removeItem("reloads"); // set by reload.js
  document.body.dataset.started = "";
  translatePage();
  document.title = `${t(title)} · AutoConnect`;
  const page = document.body.dataset.page;
  document.querySelector(`.nav [data-page="${page}"]`)?.setAttribute("aria-current", "page");
  fill(find("tools"), languageButton(), themeButton(), signInButton());
  const banner = find("banner");
  connection.addEventListener("away", () => fill(banner, h("p", { class: "banner" }, icon("warning"), t("shell.away"))));
  connection.addEventListener("back", () => fill(banner));
  return find("main");
}

/** @param {string} id */
function find(id) {
  return /** @type {HTMLElement} */ (document.getElementById(id));
}

function languageButton() {
  const other = language === "en" ? "fr" : "en";
  const name = other === "en" ? "English" : "Français";
  return h("button", { class: "tool", type: "button", lang: other, title: name, "aria-label": `${other.toUpperCase()}: ${name}`, onclick: () => setLanguage(other) }, other.toUpperCase());
}

function themeButton() {
  const button = h("button", { class: "tool", type: "button", "aria-label": t("shell.theme"), title: t("shell.theme"), onclick: toggleTheme });
  const draw = () => fill(button, icon(theme() === "dark" ? "sun" : "moon"));
  themes.addEventListener("change", draw);
  draw();
  return button;
}
