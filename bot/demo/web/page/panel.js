// The panel beside the phones: the clock, the databases, and what can go wrong.
import { alertWith, clone, make, post } from "/page/post.js";

const STATES = { starting: "starting", running: "running", burning: "on fire", lost: "lost", returning: "coming back" };
const BEN = 102;

async function act(path, asked) {
  const answer = await post(path, asked);
  if (answer.refused) alertWith(answer.refused);
}

// Each says what it does, and while it lasts, what can be seen and how it ends.
const TROUBLES = {
  block: {
    title: "🚫 Ben blocks the bot",
    press: (scene) => act(`/phones/${BEN}/${scene.blocked ? "start" : "block"}`),
    draw: ({ blocked }) => ({
      on: blocked,
      text: blocked
        ? "Backups go on, and Ann is told whom they don’t reach. Let him come back: the newest one is his at once."
        : "His phone takes nothing more from the bot.",
      button: blocked ? "Unblock" : "Block",
    }),
  },
  limit: {
    title: "🚦 Telegram limits uploads",
    press: (scene) => act("/limit", { on: !scene.limitedFor }),
    draw: ({ limitedFor }) => ({
      on: limitedFor > 0,
      text: limitedFor
        ? `For ${limitedFor} s more every file is answered with 429. A backup made now waits as long as Telegram says, then arrives.`
        : "For 20 s every file is answered with “429 Too Many Requests”. Make a backup meanwhile.",
      button: limitedFor ? "End it" : "Limit",
    }),
  },
  down: {
    title: "🔌 Telegram is down",
    press: (scene) => act("/down", { on: !scene.down }),
    draw: ({ down }) => ({
      on: down,
      text: down
        ? "Nobody can write. Backups are still made, proven and kept on the disk: try “An hour later”. When Telegram is back they are sent; the bot asks again after pauses that grow."
        : "Every call is answered with “502 Bad Gateway”.",
      button: down ? "Bring it back" : "Take it down",
    }),
  },
  lose: {
    title: "🔥 The server is lost",
    press: (scene) => act(scene.state === "lost" ? "/return" : "/lose"),
    draw: ({ state, canLose, command, recovery, recovered, back }) => ({
      on: state !== "running",
      text: loss(state, canLose, recovered, back),
      button: state === "lost" || state === "returning" ? "Get it back" : "Destroy it",
      style: state === "running" ? "danger" : "strong",
      disabled: (state !== "running" || !canLose) && state !== "lost",
      output: recovery && `$ ${command}\n${recovery}`,
    }),
  },
};

function loss(state, canLose, recovered, back) {
  if (state === "burning") return "Databases, archives, settings and the bot go up in flames …";
  if (state === "lost" && recovered === false) return "That did not work; what was said is below. End what is in the way, and try again.";
  if (state === "lost") return "Nothing is left but the chats. A new server is given the bot’s token and an admin’s number, and nothing else.";
  if (state === "returning") return "The new server fetches the newest backup from the chat, proves it and restores it …";
  if (back) {
    const gone = back.before - back.rows;
    return `${count(back.rows)} of ${count(back.before)} rows came back. ${gone ? `The ${count(gone)} others were written after the last backup.` : ""}`;
  }
  if (!canLose) return "The first backup has to reach a chat before.";
  return "Destroys the databases, the archives on the disk, the settings and the bot. What is left is the chat.";
}

export function count(number) {
  return number.toLocaleString("en");
}

export class Panel {
  constructor() {
    this.scene = { blocked: false };
    this.rows = new Map();
    document.getElementById("hour").addEventListener("click", () => act("/later", { hours: 1 }));
    document.getElementById("later-day").addEventListener("click", () => act("/later", { hours: 24 }));
    this.troubles = Object.entries(TROUBLES).map(([name, trouble]) => {
      const element = clone("trouble");
      element.dataset.trouble = name;
      element.querySelector("h3").textContent = trouble.title;
      element.querySelector("button").addEventListener("click", () => trouble.press(this.scene));
      document.getElementById("troubles").append(element);
      return [trouble, element];
    });
  }

  // What is known so far, with the news; drawn anew.
  take(news) {
    Object.assign(this.scene, news);
    if (this.scene.state === undefined) return;
    const { time, day, state, databases } = this.scene;
    document.getElementById("time").textContent = time;
    document.getElementById("day").textContent = day;
    const chip = document.getElementById("state");
    chip.textContent = STATES[state];
    chip.className = `state ${state}`;
    this.drawDatabases(databases, state);
    for (const [trouble, element] of this.troubles) this.drawTrouble(trouble.draw(this.scene), element);
  }

  drawDatabases(databases, state) {
    const rows = databases.map(({ name, rows, size }) => {
      const grown = rows !== null && this.rows.has(name) && rows !== this.rows.get(name);
      if (rows !== null) this.rows.set(name, rows);
      return make("tr", "", make("td", "", name), make("td", grown ? "grown" : "", rows === null ? "–" : count(rows)), make("td", "", size));
    });
    document.getElementById("databases").replaceChildren(...rows);
    document.getElementById("server-text").textContent = databases.length
      ? "A program writes to user_requests.db all the time."
      : state === "starting" ? "…" : "There are no databases any more.";
  }

  drawTrouble({ on, text, button, style = "", disabled = false, output = "" }, element) {
    element.classList.toggle("on", on);
    element.querySelector("p").textContent = text;
    const press = element.querySelector("button");
    press.textContent = button;
    press.className = style;
    press.disabled = disabled;
    const pre = element.querySelector("pre");
    pre.hidden = !output;
    if (pre.textContent !== output) pre.textContent = output;
  }
}
