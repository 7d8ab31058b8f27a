/** Server-sent events, read by fetch, since EventSource cannot send a key. */

import { ApiError, isAbort, send } from "./api.js";
import { noteAway } from "./connection.js";

const AGAIN_MS = 1_000;

/**
 * Calls `tell(name, data)` for each event of all jobs until the signal aborts. Opens the stream again when it ends.
 * @param {(name: string, data: any) => void} tell
 * @param {AbortSignal} signal
 */
export async function follow(tell, signal) {
  let last = "";
  while (!signal.aborted) {
    try {
      /** @type {Record<string, string>} */
      const headers = last ? { "Last-Event-ID": last } : {};
      const response = await send("events", { headers, signal });
      if (!response.body) return;
      for await (const event of read(response.body)) {
        last = event.id || last;
        if (event.name === "unavailable") noteAway();
        tell(event.name, event.data);
      }
    } catch (error) {
      if (isAbort(error)) return;
      if (error instanceof ApiError && !error.isAway) throw error;
    }
    await new Promise((resolve) => setTimeout(resolve, AGAIN_MS));
  }
}

/** @param {ReadableStream<Uint8Array>} body */
async function* read(body) {
  const reader = body.pipeThrough(new TextDecoderStream()).getReader();
  let text = "";
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return;
    text += value;
    const parts = text.split("\n\n");
    text = parts.pop() ?? "";
    for (const part of parts) {
      const event = parse(part);
      if (event) yield event;
    }
  }
}

/** @param {string} part */
function parse(part) {
  const fields = Object.fromEntries(part.split("\n").map((line) => line.split(/: (.*)/s, 2)));
  return fields.data === undefined ? null : { name: fields.event ?? "message", data: JSON.parse(fields.data), id: fields.id ?? "" };
}
