// Tells the server what a visitor does, and says what it refuses.

export async function post(path, asked = {}) {
  return send(path, { body: JSON.stringify(asked), headers: { "Content-Type": "application/json" } });
}

export async function postFile(path, file) {
  return send(path, { body: file, headers: { "X-File-Name": encodeURIComponent(file.name) } });
}

async function send(path, options) {
  let answer;
  try {
    answer = await fetch(path, { method: "POST", ...options });
  } catch {
    return { refused: "The demo does not answer: it may have ended." };
  }
  return answer.ok ? answer.json() : { refused: await answer.text() };
}

export function alertWith(text) {
  const dialog = document.getElementById("alert");
  dialog.querySelector("p").textContent = text;
  if (!dialog.open) dialog.showModal();
}

export function clone(template) {
  return document.getElementById(template).content.firstElementChild.cloneNode(true);
}

// An element with a class and its children; strings become text, never markup.
export function make(tag, name, ...children) {
  const element = document.createElement(tag);
  if (name) element.className = name;
  element.append(...children);
  return element;
}
