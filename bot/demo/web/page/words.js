// Renders a text with Telegram's entities; their offsets count UTF-16 units, as strings do here.
import { alertWith, make } from "/page/post.js";

const TAGS = { bold: "b", italic: "i", underline: "u", strikethrough: "s", code: "code", pre: "pre", blockquote: "blockquote" };
const COMMAND = /(^|\s)(\/[a-z0-9_]{1,32})(?=\s|$|[.,:;])/gi;

export function words(text, entities, onCommand) {
  const sorted = [...entities].sort((a, b) => a.offset - b.offset || b.length - a.length);
  return make("div", "words", ...nested(text, 0, text.length, sorted, onCommand));
}

function nested(text, from, to, entities, onCommand, raw = false) {
  const parts = [];
  let at = from;
  for (let index = 0; index < entities.length; index++) {
    const entity = entities[index];
    const end = Math.min(entity.offset + entity.length, to);
    if (entity.offset < at) continue; // inside one that was rendered already
    const inner = entities.slice(index + 1).filter((other) => other.offset < end);
    parts.push(...plain(text.slice(at, entity.offset), raw ? null : onCommand));
    const literal = raw || ["code", "pre", "text_link", "bot_command"].includes(entity.type);
    const content = nested(text, entity.offset, end, inner, onCommand, literal);
    parts.push(wrapped(entity, content, text.slice(entity.offset, end), onCommand));
    at = end;
  }
  parts.push(...plain(text.slice(at, to), raw ? null : onCommand));
  return parts;
}

function wrapped(entity, content, text, onCommand) {
  if (entity.type === "text_link" && /^(https?|tg):/i.test(entity.url)) {
    const link = make("a", "", ...content);
    link.href = entity.url;
    link.target = "_blank";
    link.rel = "noreferrer noopener";
    return link;
  }
  if (entity.type === "bot_command") return command(text, onCommand);
  if (entity.type === "date_time") return moment(entity, content);
  if (entity.type === "expandable_blockquote") return opens(make("blockquote", "folds", ...content));
  if (entity.type === "spoiler") return opens(make("span", "spoiler", ...content));
  return make(TAGS[entity.type] ?? "span", "", ...content);
}

// The words stay as they were sent; a press tells the moment by the clock of whoever reads them.
function moment(entity, content) {
  const at = new Date(entity.unix_time * 1000);
  const here = at.toLocaleString(undefined, { dateStyle: "full", timeStyle: "short" });
  const time = make("time", "", ...content);
  time.dateTime = at.toISOString();
  time.title = here;
  time.tabIndex = 0;
  time.addEventListener("click", () => alertWith(here));
  time.addEventListener("keydown", (event) => event.key === "Enter" && alertWith(here));
  return time;
}

function opens(element) {
  element.tabIndex = 0;
  element.addEventListener("click", () => element.classList.toggle("open"));
  element.addEventListener("keydown", (event) => event.key === "Enter" && element.classList.toggle("open"));
  return element;
}

// Telegram makes commands in any text pressable.
function plain(text, onCommand) {
  if (!text) return [];
  if (!onCommand) return [text];
  const parts = [];
  let at = 0;
  for (const found of text.matchAll(COMMAND)) {
    const start = found.index + found[1].length;
    parts.push(text.slice(at, start), command(found[2], onCommand));
    at = start + found[2].length;
  }
  return [...parts, text.slice(at)];
}

function command(text, onCommand) {
  const button = make("button", "command", text);
  button.type = "button";
  button.addEventListener("click", () => onCommand(text));
  return button;
}
