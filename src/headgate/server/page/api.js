// Asking the server: JSON in and out, and problem documents as errors.
import { at } from "./dom.js";

/** What the server refuses, with its own words. */
export class Problem extends Error {
  constructor(status, detail) {
    super(detail);
    this.status = status;
  }
}

/** Ask for JSON; a body is posted. */
export async function ask(path, body, signal) {
  const headers = { Accept: "application/json" };
  if (body !== undefined) headers["Content-Type"] = "application/json";
  const token = at("token").querySelector("input").value;
  if (token) headers.Authorization = `Bearer ${token}`;
  const how = { method: body === undefined ? "GET" : "POST", headers, signal };
  if (body !== undefined) how.body = JSON.stringify(body);
  let heard;
  try {
    heard = await fetch(path, how);
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new Problem(0, "the server does not answer: is it still running?");
  }
  if (heard.status === 401) at("token").hidden = false;
  const found = await heard.json().catch(() => null);
  if (!heard.ok || found === null) {
    throw new Problem(heard.status, found?.detail ?? `the server answered ${heard.status}`);
  }
  return found;
}

/** A question of which only the last answer counts: one that is asked again ends the one before. */
export function latest() {
  let running;
  return async (path, body) => {
    running?.abort();
    const mine = new AbortController();
    running = mine;
    try {
      return await ask(path, body, mine.signal);
    } catch (error) {
      if (mine.signal.aborted) return null;
      throw error;
    }
  };
}

/** Tell what went wrong where a screen reader hears it. */
export function tell(error) {
  if (error && error.name !== "AbortError") at("problem").textContent = error.message;
}
