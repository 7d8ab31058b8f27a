/** Takes a file that is dropped or chosen, and uploads it. */

import { isAbort } from "../lib/api.js";
import { fill, h } from "../lib/dom.js";
import { bytes, number } from "../lib/format.js";
import { t } from "../lib/i18n.js";
import { freeName, SUFFIXES, upload } from "../lib/sources.js";
import { confirm } from "./confirm.js";
import { icon } from "./icons.js";
import { failure } from "./states.js";

/** @typedef {import("../lib/sources.js").Source} Source */

export class DropZone {
  /**
   * @param {() => Source[]} known The files that there are.
   * @param {() => void} began A file comes: the zone is to be seen.
   * @param {(source: Source) => void} uploaded
   */
  constructor(known, began, uploaded) {
    this.known = known;
    this.began = began;
    this.uploaded = uploaded;
    this.sending = new AbortController();
    this.isBusy = false;
    this.field = /** @type {HTMLInputElement} */ (h("input", { type: "file", hidden: true, accept: SUFFIXES.join(","), onchange: () => this.#chosen() }));
    this.button = h("button", { class: "button button--main", type: "button", onclick: () => this.field.click() }, t("drop.choose"));
    this.place = h("div", { class: "drop__place" });
    this.message = h("div");
    this.element = h("section", { class: "drop", "aria-labelledby": "drop-title" }, this.field, this.place, this.message);
    this.#rest();
    this.#listen();
  }

  #rest() {
    this.isBusy = false;
    fill(this.place, icon("upload"), h("h2", { id: "drop-title" }, t("drop.title")), h("p", { class: "muted" }, t("drop.what")), this.button);
  }

  /** A file may be dropped anywhere on the page: the browser would otherwise leave the page and open it. */
  #listen() {
    document.addEventListener("dragover", (event) => {
      event.preventDefault();
      this.element.classList.add("drop--over");
    });
    document.addEventListener("dragleave", (event) => {
      if (!event.relatedTarget) this.element.classList.remove("drop--over");
    });
    document.addEventListener("drop", (event) => {
      event.preventDefault();
      this.element.classList.remove("drop--over");
      this.take([...(event.dataTransfer?.files ?? [])]);
    });
  }

  #chosen() {
    const files = [...(this.field.files ?? [])];
    this.field.value = "";
    this.take(files);
  }

  /** @param {File[]} files */
  async take(files) {
    if (this.isBusy || !files.length) return;
    this.began();
    const fault = faultOf(files);
    if (fault) {
      fill(this.message, h("p", { class: "failure", role: "alert" }, fault));
      return;
    }
    fill(this.message);
    const name = await this.#nameOf(files[0]);
    if (name) await this.#send(name, files[0]);
  }

  /**
   * The name that a file gets; empty if the user gives up, as its name is taken.
   * @param {File} file
   */
  async #nameOf(file) {
    const taken = this.known().map((source) => source.name);
    if (!taken.includes(file.name)) return file.name;
    const free = freeName(file.name, taken);
    const answers = /** @type {[string, string][]} */ ([["replace", t("drop.replace")], ["both", t("drop.both", { name: free })]]);
    const answer = await confirm(t("drop.taken"), t("drop.taken_why", { name: file.name }), answers);
    if (answer === "both") return free;
    return answer === "replace" ? file.name : "";
  }

  /** @param {string} name @param {File} file */
  async #send(name, file) {
    this.isBusy = true;
    this.sending = new AbortController();
    const bar = /** @type {HTMLProgressElement} */ (h("progress", { class: "bar-line", max: 1, value: 0, "aria-label": t("drop.progress") }));
    const text = h("p", { class: "muted" });
    const cancel = h("button", { class: "button", type: "button", onclick: () => this.sending.abort() }, t("drop.cancel"));
    fill(this.place, h("h2", { id: "drop-title" }, t("drop.sending", { name })), bar, text, cancel);
    cancel.focus();
    try {
      const source = await upload(name, file, (share) => {
        bar.value = share;
        fill(text, t("drop.sent", { percent: number(share * 100), size: bytes(file.size) }));
      }, this.sending.signal);
      this.#rest();
      this.uploaded(source);
    } catch (error) {
      this.#rest();
      fill(this.message, failure(error, () => this.take([file])));
      if (isAbort(error)) this.button.focus();
    }
  }
}

/**
 * Why files cannot be sent, in the words of the page; null if they can.
 * @param {File[]} files
 */
function faultOf(files) {
  if (files.length > 1) return t("drop.several");
  const [file] = files;
  if (!SUFFIXES.some((suffix) => file.name.toLowerCase().endsWith(suffix))) return t("drop.suffix", { name: file.name });
  return file.size === 0 ? t("drop.empty", { name: file.name }) : null;
}
