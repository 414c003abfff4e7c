// Draws one message: its reply, file, words, time and inline buttons.
import { make } from "/page/post.js";
import { words } from "/page/words.js";

export function drawMessage(message, acts) {
  const item = document.createElement("li");
  item.dataset.id = message.id;
  if (message.pins) {
    item.className = "line";
    const brief = make("button", "", `📌 Courier pinned “${shortened(message.pins.text)}”`);
    brief.type = "button";
    brief.addEventListener("click", () => acts.show(message.pins.id));
    item.append(brief);
    return item;
  }
  item.className = message.mine ? "mine" : "";
  const bubble = make("div", "bubble");
  if (message.reply) bubble.append(make("div", "reply", message.reply.text));
  if (message.file) bubble.append(message.file.photo ? drawPhoto(message.file, acts) : drawFile(message.file));
  if (message.text) bubble.append(words(message.text, message.entities, acts.say));
  const meta = make("span", "meta", (message.silent ? "🔕 " : "") + (message.edited ? "edited " : "") + message.at);
  if (message.silent) meta.title = "Sent without a sound";
  (bubble.querySelector(".words") ?? bubble).append(meta);
  item.append(bubble);
  if (message.buttons.length) {
    item.classList.add("keys");
    item.append(...message.buttons.map((row) => drawRow(row, message, acts)));
  }
  return item;
}

function drawFile(file) {
  const link = make("a", "file", make("span", "sign", "⬇"), make("span", "", make("b", "", ...breakable(file.name)), make("small", "", file.size)));
  link.href = `/files/${encodeURIComponent(file.id)}`;
  link.download = file.name;
  link.title = "Save it";
  return link;
}

function drawPhoto(file, acts) {
  const photo = make("img", "photo");
  photo.addEventListener("load", acts.grown);
  photo.src = `/files/${encodeURIComponent(file.id)}`;
  photo.alt = "Picture";
  return photo;
}

function drawRow(row, message, acts) {
  const drawn = row.map((button) => {
    const key = make("button", button.style ?? "", button.text);
    key.type = "button";
    key.addEventListener("click", async () => {
      if (button.url) {
        window.open(button.url, "_blank", "noreferrer");
      } else if (button.copies) {
        await acts.copy(button.copies);
      } else if (button.data && !key.classList.contains("busy")) {
        key.classList.add("busy");
        await acts.press(message.id, button.data);
        key.classList.remove("busy");
      }
    });
    return key;
  });
  return make("div", "row", ...drawn);
}

// A name may break after what joins its words.
function breakable(name) {
  return name.split(/(?<=_)|(?=\.)/).flatMap((part) => [part, document.createElement("wbr")]);
}

function shortened(text) {
  return text.length > 40 ? `${text.slice(0, 39)}…` : text;
}
