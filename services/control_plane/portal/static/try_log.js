// The log of a WebSocket console: what went and came, no more of it than anybody reads.
"use strict";

const MAX_ENTRIES = 1000;
const MAX_SHOWN = 300;
const MAX_KEPT = 16_384;
const MAX_BODY = 4000;

const log = {
  entries: [],
  left: 0,
  place: null,
  paused: false,
  kind: "",
  text: "",
  changed: () => {},

  add(kind, way, body, size = null) {
    const entry = { time: new Date(), kind, way, body: body.slice(0, MAX_KEPT), size };
    log.entries.push(entry);
    if (log.entries.length > MAX_ENTRIES) {
      log.entries.shift();
      log.left += 1;
    }
    if (!log.paused && log.fits(entry)) log.show(entry);
    log.changed();
  },

  fits(entry) {
    return (!log.kind || log.kind === entry.kind || (log.kind === "told" && !["sent", "received"].includes(entry.kind)))
      && (!log.text || entry.body.toLowerCase().includes(log.text));
  },

  show(entry) {
    const { place } = log;
    const follows = place.scrollHeight - place.scrollTop - place.clientHeight < 60;
    place.append(log.line(entry));
    if (place.children.length > MAX_SHOWN) place.firstChild.remove();
    if (follows) place.scrollTop = place.scrollHeight;
  },

  line({ time, kind, way, body, size }) {
    const made = document.createElement("div");
    made.className = kind;
    const at = document.createElement("time");
    at.dateTime = time.toISOString();
    at.textContent = `${time.toTimeString().slice(0, 8)}.${String(time.getMilliseconds()).padStart(3, "0")}`;
    const shown = body.length > MAX_BODY ? `${body.slice(0, MAX_BODY)} …` : body;
    made.append(at, log.cell("way", way), log.cell("body", shown), log.cell("size", size === null ? "" : `${size.toLocaleString("en")} B`));
    return made;
  },

  cell(name, text) {
    const made = document.createElement("span");
    made.className = name;
    made.textContent = text;
    return made;
  },

  redraw() {
    const fitting = log.entries.filter(log.fits).slice(-MAX_SHOWN);
    log.place.replaceChildren(...fitting.map(log.line));
    log.place.scrollTop = log.place.scrollHeight;
    log.changed();
  },

  clear() {
    log.entries = [];
    log.left = 0;
    log.redraw();
  },

  download() {
    const found = log.entries.map(({ time, kind, body, size }) => ({ time, direction: kind, body, bytes: size }));
    const link = document.createElement("a");
    link.href = URL.createObjectURL(new Blob([JSON.stringify(found, null, 2)], { type: "application/json" }));
    link.download = "framegate-messages.json";
    link.click();
    URL.revokeObjectURL(link.href);
  },

  words() {
    const counted = log.entries.length;
    const past = log.left ? `, and ${log.left.toLocaleString("en")} before that are gone` : "";
    return `${counted.toLocaleString("en")} ${counted === 1 ? "entry" : "entries"}${past}${log.paused ? "; paused" : ""}`;
  },
};
