// One phone: the chat with the bot, what its owner types, presses and sends.
import { alertWith, clone, make, post, postFile } from "/page/post.js";
import { drawMessage } from "/page/message.js";

const TOAST_MS = 4000;

export class Phone {
  // `others` gives the ids and names of everybody else, to choose from.
  constructor(id, name, others) {
    this.id = id;
    this.others = others;
    this.element = clone("phone");
    this.element.dataset.phone = id;
    this.element.setAttribute("aria-label", `${name}’s phone`);
    this.find(".owner").append(make("b", "", name), "’s phone");
    this.name = name;
    this.commands = [];
    this.settled = false;
    this.atEnd = true;
    this.listen();
  }

  find(selector) {
    return this.element.querySelector(selector);
  }

  // --- what the server says

  take(view) {
    for (const id of view.gone) this.message(id)?.remove();
    for (const message of view.messages) {
      const known = this.message(message.id);
      const drawn = drawMessage(message, this.acts);
      if (known) known.replaceWith(drawn);
      else this.insert(drawn, message.id);
      if (!known && this.settled && !message.silent && !message.mine && !message.pins) this.ring();
    }
    this.settled = true;
    this.frame(view.frame);
    if (view.messages.some((message) => message.mine)) this.atEnd = true;
    this.keepEnd();
  }

  keepEnd() {
    const list = this.find(".messages");
    if (this.atEnd) list.scrollTop = list.scrollHeight;
  }

  message(id) {
    return this.find(`li[data-id="${id}"]`);
  }

  insert(drawn, id) {
    const after = [...this.find(".messages").children].find((item) => Number(item.dataset.id) > id);
    this.find(".messages").insertBefore(drawn, after ?? null);
  }

  ring() {
    this.element.classList.remove("rings");
    void this.element.offsetWidth; // begins the animation anew
    this.element.classList.add("rings");
  }

  frame({ standing, online, commands, keyboard, pinned }) {
    this.commands = commands;
    const writes = standing === "member";
    this.find(".composer").hidden = !writes;
    this.find(".block").hidden = !writes;
    for (const control of this.element.querySelectorAll(".composer *, .start, .block")) control.disabled = !online;
    const start = this.find(".start");
    start.hidden = writes;
    start.textContent = standing === "kicked" ? "RESTART BOT" : "START";
    this.find(".online").textContent = online ? "bot" : "connecting…";
    const bar = this.find(".pinned");
    bar.hidden = !pinned;
    if (pinned) {
      bar.querySelector("span").textContent = pinned.text;
      bar.onclick = () => this.show(pinned.id);
    }
    this.drawKeyboard(writes ? keyboard : []);
  }

  drawKeyboard(rows) {
    const place = this.find(".keyboard");
    place.hidden = !rows.length;
    place.replaceChildren(...rows.map((row) => make("div", "row", ...row.map((key) => this.drawKey(key)))));
  }

  drawKey({ text, picks }) {
    const button = make("button", "", text);
    button.type = "button";
    button.addEventListener("click", () => {
      if (picks === "people") this.choose(this.others().map(([id, name]) => [name, "", () => this.tell("pick", { button: text, person: id })]));
      else if (picks === "groups") this.toast("There are no groups in this demo.");
      else this.tell("pick", { button: text });
    });
    return button;
  }

  // --- what its owner does

  get acts() {
    return {
      say: (text) => this.say(text),
      press: (message, data) => this.press(message, data),
      copy: (text) => this.copy(text),
      show: (id) => this.show(id),
      grown: () => this.keepEnd(),
    };
  }

  async tell(path, asked) {
    const answer = await post(`/phones/${this.id}/${path}`, asked);
    if (answer.refused) this.toast(answer.refused);
    return answer;
  }

  say(text) {
    return this.tell("text", { text });
  }

  async press(message, data) {
    const answer = await this.tell("press", { message, data });
    if (!answer.text) return;
    if (answer.alert) alertWith(answer.text);
    else this.toast(answer.text);
  }

  // The bot hears nothing of it.
  async copy(text) {
    try {
      await navigator.clipboard.writeText(text);
      this.toast(`Copied: ${text}`);
    } catch {
      alertWith(text); // the browser allows no copying: it can be marked there
    }
  }

  show(id) {
    const found = this.message(id);
    if (!found) return;
    found.scrollIntoView({ block: "center", behavior: "smooth" });
    found.classList.add("flash");
    setTimeout(() => found.classList.remove("flash"), 1300);
  }

  toast(text) {
    const toast = this.find(".toast");
    toast.textContent = text;
    toast.hidden = false;
    clearTimeout(this.toasting);
    this.toasting = setTimeout(() => (toast.hidden = true), TOAST_MS);
  }

  // A list above the text field: what to choose, more about it, and what choosing does.
  choose(choices) {
    const list = this.find(".commands");
    const rows = choices.map(([name, about, act]) => {
      const button = make("button", "", make("b", "", name), make("span", "", about));
      button.type = "button";
      button.addEventListener("click", () => {
        list.hidden = true;
        act();
      });
      return make("li", "", button);
    });
    list.replaceChildren(...rows);
    list.hidden = !rows.length;
  }

  listCommands(beginning) {
    const fitting = this.commands.filter(([name]) => `/${name}`.startsWith(beginning));
    this.choose(
      fitting.map(([name, description]) => [
        `/${name}`,
        description,
        () => {
          this.find(".text").value = "";
          this.say(`/${name}`);
        },
      ]),
    );
  }

  listen() {
    const messages = this.find(".messages");
    messages.addEventListener("scroll", () => {
      this.atEnd = messages.scrollHeight - messages.scrollTop - messages.clientHeight < 80;
    });
    new ResizeObserver(() => this.keepEnd()).observe(messages);
    const text = this.find(".text");
    const list = this.find(".commands");
    this.find(".composer").addEventListener("submit", (event) => {
      event.preventDefault();
      list.hidden = true;
      if (text.value.trim()) this.say(text.value.trim());
      text.value = "";
    });
    text.addEventListener("input", () => {
      if (text.value.startsWith("/")) this.listCommands(text.value);
      else list.hidden = true;
    });
    this.find(".menu").addEventListener("click", () => {
      if (list.hidden) this.listCommands("/");
      else list.hidden = true;
    });
    this.element.addEventListener("keydown", (event) => {
      if (event.key === "Escape") list.hidden = true;
    });
    const attach = this.find(".attach input");
    attach.addEventListener("change", async () => {
      const [file] = attach.files;
      if (!file) return;
      const answer = await postFile(`/phones/${this.id}/file`, file);
      attach.value = "";
      if (answer.refused) this.toast(answer.refused);
    });
    this.find(".start").addEventListener("click", () => this.tell("start"));
    this.find(".block").addEventListener("click", () => this.tell("block"));
  }
}
