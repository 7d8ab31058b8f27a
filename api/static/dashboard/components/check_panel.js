/** A file before it runs: how it is read, with what can be changed, the first rows, and the button to run it. */

import { ApiError, isAbort, sentence } from "../lib/api.js";
import { fill, h } from "../lib/dom.js";
import { language, t } from "../lib/i18n.js";
import { submit } from "../lib/jobs.js";
import { said } from "../lib/sentences.js";
import { askCheck } from "../lib/sources.js";
import { ColumnFields } from "./column_fields.js";
import { DialectFields } from "./dialect_fields.js";
import { icon } from "./icons.js";
import { preview, verdict } from "./preview.js";
import { failure, skeleton } from "./states.js";

/** @typedef {import("../lib/sources.js").Given} Given */
/** @typedef {import("../lib/sources.js").Check} Check */
/**
 * @typedef {object} Listener
 * @property {(given: Given) => void} changed The user gives something else of the dialect.
 * @property {(request: () => Promise<Record<string, any>>) => Promise<void>} run Sends the request that runs the file.
 * @property {() => void} left
 */

/** The preview follows a change after this time without another one. */
const QUIET_MS = 250;
/** What a refused check names if no part of the dialect would settle it: the file itself. */
const NOTHING_HELPS = "name";
/** What else it may name. */
const PARTS = ["columns", "dates", "decimal", "currency", "header"];

export class CheckPanel {
  /** @param {string} name The file. @param {Given} given @param {Listener} listener */
  constructor(name, given, listener) {
    this.name = name;
    this.given = given;
    this.listener = listener;
    this.calls = new AbortController();
    /** @type {ReturnType<typeof setTimeout> | undefined} */
    this.waits = undefined;
    /** @type {Check | null} */
    this.check = null;
    this.dialect = new DialectFields((part, value) => this.#give({ ...this.given, [part]: value }));
    this.columns = new ColumnFields((meaning, column) => this.#give({ ...this.given, columns: { ...this.given.columns, [meaning]: column ?? null } }));
    this.verdict = h("div", { class: "check__verdict", role: "status" });
    this.fault = h("div", { role: "status" });
    this.place = h("div", { class: "check__place" }, skeleton(8));
    this.runs = /** @type {HTMLButtonElement} */ (h("button", { class: "button button--main", type: "button", disabled: true, onclick: () => this.#run() }, t("check.run")));
    this.publish = /** @type {HTMLInputElement} */ (h("input", { type: "checkbox", checked: true }));
    this.again = /** @type {HTMLButtonElement} */ (h("button", { class: "button button--plain", type: "button", hidden: true, onclick: () => this.#give({}) }, t("check.again")));
    this.message = h("div");
    this.title = h("h2", { id: "check-title", tabindex: "-1" }, name);
    this.element = this.#make();
  }

  #make() {
    return h("section", { class: "card check", "aria-labelledby": "check-title" },
      h("header", { class: "row row--apart" },
        h("div", { class: "check__name" }, h("button", { class: "button button--plain button--small", type: "button", onclick: () => this.listener.left() }, icon("back"), t("check.leave")), this.title),
        h("div", { class: "row" }, this.again, h("label", { class: "row check__publish" }, this.publish, h("span", {}, t("check.publish"), h("span", { class: "muted small check__why" }, t("check.publish_why")))), this.runs)),
      this.verdict, this.message, this.columns.element, this.dialect.element, this.fault, this.place);
  }

  /** Checks the file by what is given now. */
  async refresh() {
    clearTimeout(this.waits);
    this.calls.abort();
    this.calls = new AbortController();
    this.again.hidden = Object.keys(this.given).length === 0;
    this.place.setAttribute("aria-busy", "true");
    this.runs.disabled = true;
    if (Object.values(this.given.columns ?? {}).includes("=")) {
      this.#warn(t("check.text_missing"));
      return;
    }
    try {
      this.#show(await askCheck(this.name, this.given, this.calls.signal));
    } catch (error) {
      if (!isAbort(error)) this.#refuse(error);
    }
  }

  /**
   * Shows the file by something else, as when the user goes back.
   * @param {Given} given
   */
  set(given) {
    this.given = given;
    this.refresh();
  }

  /** The panel is no longer shown. */
  close() {
    clearTimeout(this.waits);
    this.calls.abort();
  }

  /** @param {Given} given */
  #give(given) {
    this.given = /** @type {Given} */ (Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined)));
    this.listener.changed(this.given);
    this.columns.show(this.given.columns ?? {}, this.check, []);
    clearTimeout(this.waits);
    this.calls.abort();
    this.runs.disabled = true;
    this.place.setAttribute("aria-busy", "true");
    this.waits = setTimeout(() => this.refresh(), QUIET_MS);
  }

  /** @param {Check} check */
  #show(check) {
    this.check = check;
    this.#showFields(check, "", []);
    fill(this.fault);
    fill(this.message);
    fill(this.verdict, verdict(check));
    fill(this.place, preview(check));
    this.place.style.minHeight = "";
    this.place.removeAttribute("aria-busy");
    this.runs.disabled = check.rows.length === 0;
    this.intent = randomKey();
  }

  /** @param {unknown} error */
  #refuse(error) {
    this.place.removeAttribute("aria-busy");
    if (error instanceof ApiError && error.isAway && this.check) return; // the banner tells; the old check stays
    const problem = error instanceof ApiError && error.status === 422 ? error.problem : null;
    const height = this.check ? this.element.offsetHeight : 0;
    if (!problem) {
      fill(this.verdict);
      this.#replace(failure(error, () => this.refresh()), height);
      return;
    }
    const fault = problem.errors?.[0]?.name ?? NOTHING_HELPS;
    const lead = PARTS.includes(fault) && h("p", { class: "failure__lead" }, t(`ask.${fault}`));
    const reason = said(sentence(error));
    const isAside = lead && language !== "en" && typeof reason !== "string";
    this.check = null;
    this.#warn(t("check.refused"));
    this.#showFields(null, fault, problem.columns ?? []);
    this.#replace(h("div", { class: "failure" }, lead, isAside ? h("details", {}, h("summary", {}, t("check.details")), reason) : h("p", {}, reason)), height);
  }

  /** @param {string} text */
  #warn(text) {
    fill(this.verdict, h("p", { class: "verdict" }, icon("warning"), text));
  }

  /**
   * Says in place of the preview what is wrong. The panel keeps its height, so that nothing moves below it.
   * @param {Node | null} fault
   * @param {number} height That of the panel with the preview; 0 if there was none.
   */
  #replace(fault, height) {
    fill(this.fault, fault);
    fill(this.place);
    if (height) this.place.style.minHeight = "";
    if (height) this.place.style.minHeight = `${Math.max(0, height - this.element.offsetHeight)}px`;
  }

  /** @param {Check | null} check @param {string} fault @param {import("./column_fields.js").Column[]} columns */
  #showFields(check, fault, columns) {
    this.dialect.show(this.given, check, fault);
    this.dialect.element.hidden = fault === NOTHING_HELPS && Object.keys(this.given).length === 0;
    this.columns.show(this.given.columns ?? {}, check, columns);
  }

  async #run() {
    this.runs.disabled = true;
    try {
      await this.listener.run(() => submit(this.name, this.given, this.publish.checked, this.intent ?? randomKey()));
    } catch (error) {
      fill(this.message, failure(error, () => this.#run()));
      this.runs.disabled = false;
    }
  }
}

/** A key that makes the API run a job once, however often it is asked: a click that is repeated runs no second one. */
function randomKey() {
  return Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) => byte.toString(16).padStart(2, "0")).join("");
}
