/** The files that a job can read: list, check, upload, delete. */

import { ApiError, ask, refusal, send, url, withKey } from "./api.js";
import { noteAway } from "./connection.js";
import { t } from "./i18n.js";

/**
 * @typedef {object} Source
 * @property {string} name
 * @property {number} bytes
 * @property {string | null} modified_at
 * @property {boolean} uploaded
 */
/**
 * @typedef {object} Given What the user gives of a dialect, as `POST /jobs` takes it.
 * @property {string} [encoding]
 * @property {string} [delimiter]
 * @property {number} [header]
 * @property {string} [decimal]
 * @property {string} [currency]
 * @property {string} [dates]
 * @property {Record<string, string | null>} [columns]
 */
/** @typedef {Record<string, any>} Check An answer of the check. */

/** What the names of files end with. */
export const SUFFIXES = [".csv", ".tsv", ".txt"];

/**
 * All files, the newest first.
 * @param {AbortSignal} signal
 * @returns {Promise<Source[]>}
 */
export async function askSources(signal) {
  const { items } = await ask("sources", { signal });
  return items.sort((/** @type {Source} */ a, /** @type {Source} */ b) => (b.modified_at ?? "").localeCompare(a.modified_at ?? ""));
}

/**
 * How a file would be read.
 * @param {string} name
 * @param {Given} given
 * @param {AbortSignal} signal
 * @returns {Promise<Check>}
 */
export function askCheck(name, given, signal) {
  return ask(`${pathOf(name)}/check`, { params: { dialect: textOf(given) }, signal });
}

/** @param {string} name */
export async function deleteSource(name) {
  await send(pathOf(name), { method: "DELETE" });
}

/**
 * What is given as JSON; empty if nothing is.
 * @param {Given} given
 */
export function textOf(given) {
  return Object.keys(given).length ? JSON.stringify(given) : "";
}

/**
 * Uploads a file.
 * @param {string} name
 * @param {File} file
 * @param {(share: number) => void} progressed Called with the share that is sent, from 0 to 1.
 * @param {AbortSignal} signal
 * @returns {Promise<Source>}
 */
export function upload(name, file, progressed, signal) {
  return withKey((key) => put(name, file, key, progressed, signal));
}

/**
 * Sends a file by XMLHttpRequest: `fetch` cannot tell how much it has sent.
 * @param {string} name
 * @param {File} file
 * @param {Record<string, string>} key The header that carries the key.
 * @param {(share: number) => void} progressed
 * @param {AbortSignal} signal
 * @returns {Promise<Source>}
 */
function put(name, file, key, progressed, signal) {
  return new Promise((resolve, reject) => {
    signal.throwIfAborted();
    const request = new XMLHttpRequest();
    request.open("PUT", url(pathOf(name)));
    for (const [header, value] of Object.entries(key)) request.setRequestHeader(header, value);
    request.setRequestHeader("Content-Type", "text/csv");
    request.upload.onprogress = (event) => progressed(event.loaded / event.total);
    request.onload = () => (request.status < 300 ? resolve(read(request)) : reject(refusal(request.status, read(request))));
    request.onabort = () => reject(signal.reason);
    request.onerror = () => {
      noteAway();
      reject(new ApiError(t("error.offline"), 0));
    };
    signal.addEventListener("abort", () => request.abort());
    request.send(file);
  });
}

/**
 * A name like `sales-2.csv` that no file has yet.
 * @param {string} name
 * @param {string[]} taken
 */
export function freeName(name, taken) {
  const dot = name.lastIndexOf(".");
  let count = 2;
  while (taken.includes(`${name.slice(0, dot)}-${count}${name.slice(dot)}`)) count += 1;
  return `${name.slice(0, dot)}-${count}${name.slice(dot)}`;
}

/** @param {string} name */
function pathOf(name) {
  return `sources/${encodeURIComponent(name)}`;
}

/** @param {XMLHttpRequest} request */
function read(request) {
  try {
    return JSON.parse(request.responseText);
  } catch {
    return {};
  }
}
