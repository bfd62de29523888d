// What a model reads, as a field to type it in or a file, and as JSON.
import { el } from "./dom.js";

const FILES = { audio: "audio/*", image: "image/*", video: "image/*", music: ".mid,.midi" };
const HINTS = {
  text: "A text. Enter looks, Shift+Enter begins a line.",
  words: "Words with spaces between them. Enter looks.",
  series: "A series: a step a line, its numbers with commas between them; or JSON.",
  forecast: "The values so far, with commas between them; or a step a line.",
  places: "A place a line, its numbers with commas between them; or JSON.",
  audio: "A sound: a WAV file.",
  image: "A picture.",
  video: "The pictures of a video, in their order.",
  music: "A MIDI file.",
};

/** Make the field for what a model reads. */
export function field(reads, text, name) {
  const id = `given-${name}`;
  const hint = el("span", { class: "hint", id: `${id}-hint` }, HINTS[reads] ?? "");
  const shared = { id, "aria-label": name, "aria-describedby": hint.id };
  const made = FILES[reads]
    ? el("input", { type: "file", accept: FILES[reads], multiple: reads === "video", ...shared })
    : el("textarea", { rows: 2, spellcheck: "false", ...shared, onkeydown: (event) => submit(event, reads) });
  if (!FILES[reads]) made.value = text ?? "";
  return { made, hint, isFile: reads in FILES };
}

function submit(event, reads) {
  const typed = reads === "text" || reads === "words";
  if (event.key === "Enter" && !event.isComposing && (event.ctrlKey || (typed && !event.shiftKey))) {
    event.preventDefault();
    event.target.form.requestSubmit();
  }
}

/** Give what was typed or chosen as the server takes it. */
export async function given(reads, made) {
  if (FILES[reads]) {
    const files = await Promise.all([...made.files].map(sent));
    if (!files.length) throw new Error("choose a file first");
    return reads === "video" ? { frames: files } : files[0];
  }
  if (reads === "text" || reads === "words") return made.value;
  return numbers(made.value);
}

function sent(file) {
  return new Promise((done, failed) => {
    const reader = new FileReader();
    reader.onload = () => done({ base64: reader.result.slice(reader.result.indexOf(",") + 1) });
    reader.onerror = () => failed(new Error(`${file.name} cannot be read`));
    reader.readAsDataURL(file);
  });
}

/** Read numbers: JSON, or lines with commas; a value that is missing is left empty. */
export function numbers(text) {
  const trimmed = text.trim();
  if (/^[[{]/.test(trimmed)) return JSON.parse(trimmed);
  const rows = trimmed.split(/\n+/).map((line) => line.split(/[,;\t]/).map(value));
  return rows.length === 1 ? rows[0] : rows.map((row) => (row.length === 1 ? row[0] : row));
}

function value(text) {
  const trimmed = text.trim();
  if (trimmed === "") return null;
  const found = Number(trimmed);
  if (Number.isNaN(found)) throw new Error(`a number was wanted, and ${trimmed.slice(0, 40)} came`);
  return found;
}
