/** Downloads answers of the API as files, with the key if there is one, and tells the call as a curl command. */

import { send, url } from "./api.js";
import { currentKey } from "./key.js";

/** @typedef {import("./api.js").Params} Params */

/**
 * Fetches an answer and has the browser save it under the name that the answer gives.
 * @param {string} path
 * @param {Params} [params]
 * @param {string} [name] Its name if the answer gives none.
 */
export async function download(path, params, name = path.split("/").pop() || "download") {
  const response = await send(path, { params });
  save(await response.blob(), nameOf(response) ?? name);
}

/** @param {Blob} content @param {string} name */
function save(content, name) {
  const address = URL.createObjectURL(content);
  const link = document.createElement("a");
  link.href = address;
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(address), 60_000);
}

/**
 * The command that makes the same call; the key stays out of it.
 * @param {string} path
 * @param {Params} [params]
 */
export function curl(path, params) {
  const key = currentKey() ? ' -H "X-API-Key: $AUTOCONNECT_API_KEY"' : "";
  return `curl${key} '${url(path, params).href.replaceAll("'", "%27")}'`;
}

/** @param {Response} response */
function nameOf(response) {
  const header = response.headers.get("Content-Disposition") ?? "";
  const encoded = /filename\*=utf-8''([^;]+)/i.exec(header)?.[1];
  return encoded ? decodeURIComponent(encoded) : /filename="([^"]+)"/.exec(header)?.[1];
}
