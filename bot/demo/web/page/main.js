// Draws what the server tells of the phones and of the scene, as it happens.
import { Panel } from "/page/panel.js";
import { Phone } from "/page/phone.js";

const BEN = 102;
const panel = new Panel();
const phones = new Map();
const events = new EventSource("/events");

function on(name, take) {
  events.addEventListener(name, (event) => take(JSON.parse(event.data)));
}

// At the beginning, and whenever the connection had broken: everything comes anew.
on("hello", () => {
  document.getElementById("ended").hidden = true;
  document.getElementById("phones").replaceChildren();
  phones.clear();
});

on("phone", (view) => {
  if (!phones.has(view.id)) {
    const others = () => [...phones.values()].filter((each) => each.id !== view.id).map((each) => [each.id, each.name]);
    const phone = new Phone(view.id, view.name, others);
    phones.set(view.id, phone);
    document.getElementById("phones").append(phone.element);
  }
  phones.get(view.id).take(view);
  if (view.id === BEN) panel.take({ blocked: view.frame.standing === "kicked" });
});

on("scene", (scene) => panel.take(scene));

events.addEventListener("error", () => (document.getElementById("ended").hidden = false));
