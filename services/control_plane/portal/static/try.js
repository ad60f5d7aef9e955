// A WebSocket console: fetches a ticket from our own host, and speaks to the gateway.
"use strict";

const part = (id) => document.getElementById(id);
const root = part("try");
const words = root ? JSON.parse(root.dataset.words) : {};
const templates = root ? JSON.parse(root.dataset.templates) : [];
const QUOTA_EVERY_MS = 5000;
const MAX_TRIPS = 120;
const trips = [];
let socket = null;
let sentAt = null;
let polling = null;
let drawTrips = () => {};

function tell(text) {
  part("status").textContent = text;
}

function enable(connected) {
  part("open").disabled = connected;
  part("close").disabled = !connected;
  part("transmit").disabled = !connected;
}

// Returns what a close means: the gateway's reasons begin with a slug.
function explain(event) {
  const [slug, ...details] = event.reason.split(";");
  const meaning = words[slug.trim()] ?? words[event.code] ?? "The backend's own code.";
  const more = words[slug.trim()] ? details.join(";").trim() : event.reason;
  return `${event.code} ${meaning}${more ? ` (${more})` : ""}`;
}

async function ask(path, options) {
  const answer = await fetch(`/store/apis/${root.dataset.api}/${path}`, options);
  if (answer.redirected) throw new Error("The session has ended: load the page anew.");
  const body = await answer.json();
  if (!answer.ok) throw new Error(body.detail ?? body.errors?.map((item) => item.message).join("; ") ?? body.title);
  return body;
}

function fetchTicket() {
  return ask("ticket", { method: "POST", body: new URLSearchParams(new FormData(part("connect"))) });
}

async function showQuota() {
  const place = part("quota");
  try {
    const { items } = await ask(`quota?application=${encodeURIComponent(part("application_id").value)}`);
    place.replaceChildren(...items.map(quotaLine));
    if (!items.length) place.textContent = "Nothing is counted: there is no limit.";
  } catch (error) {
    place.textContent = `The quota can't be read: ${error.message}`;
  }
}

function quotaLine({ words: said, left, amount }) {
  const line = document.createElement("div");
  const bar = document.createElement("meter");
  Object.assign(bar, { min: 0, max: amount, low: amount / 10, high: amount / 4, optimum: amount, value: left });
  bar.setAttribute("aria-label", said);
  line.append(bar, log.cell("words", said));
  return line;
}

async function connect() {
  part("open").disabled = true;
  tell("Connecting …");
  let granted;
  let opened = false;
  try {
    granted = await fetchTicket();
    const address = new URL(part("address").value + part("rest").value.trim());
    address.searchParams.set("ticket", granted.ticket);
    const offered = part("subprotocols").value.split(",").map((item) => item.trim()).filter(Boolean);
    socket = new WebSocket(address, offered);
  } catch (error) {
    log.add("refused", "✕", error.message);
    tell("Not connected.");
    enable(false);
    return;
  }
  socket.binaryType = "arraybuffer";
  socket.onopen = () => {
    opened = true;
    enable(true);
    tell("Connected.");
    log.add("told", "•", `Connected to ${part("address").value}${socket.protocol ? `, subprotocol ${socket.protocol}` : ""}`);
    part("message").focus();
    watchQuota();
  };
  socket.onmessage = ({ data }) => receive(data);
  socket.onclose = (event) => {
    enable(false);
    tell("Not connected.");
    if (opened) log.add(event.code === 1000 ? "told" : "closed", "✕", explain(event));
    else log.add("refused", "✕", refusal(granted.obstacles));
    part("open").focus();
    clearInterval(polling);
    sentAt = null;
    showQuota();
  };
}

function watchQuota() {
  showQuota();
  clearInterval(polling);
  polling = setInterval(() => document.hidden || showQuota(), QUOTA_EVERY_MS);
}

function refusal(obstacles) {
  const known = obstacles.join(" ");
  return known || "Refused before it opened. Browsers don't say why: is the API published, and its backend up?";
}

function receive(data) {
  if (sentAt !== null) {
    trips.push(performance.now() - sentAt);
    if (trips.length > MAX_TRIPS) trips.shift();
    sentAt = null;
    showTrips();
  }
  const said = payload.words(data);
  log.add("received", "←", part("pretty").checked && typeof data === "string" ? payload.pretty(said) : said, payload.size(data));
}

async function send() {
  if (socket?.readyState !== WebSocket.OPEN) return;
  const kind = document.querySelector("[name=kind]:checked").value;
  try {
    const data = await payload.read(kind, part("message").value, part("file").files[0]);
    socket.send(data);
    sentAt ??= performance.now();
    log.add("sent", "→", payload.words(data), payload.size(data));
    complain("");
  } catch (error) {
    complain(error.message);
  }
}

function complain(text) {
  part("message-wrong").textContent = text;
  if (text) part("message").setAttribute("aria-invalid", "true");
  else part("message").removeAttribute("aria-invalid");
}

function showTrips() {
  const sorted = [...trips].sort((one, other) => one - other);
  const ms = (value) => `${value.toFixed(1)} ms`;
  part("trips-words").textContent = `Last ${ms(trips.at(-1))}, median ${ms(sorted[sorted.length >> 1])}, longest ${ms(sorted.at(-1))}, of ${trips.length}.`;
  part("trips").hidden = false;
  drawTrips();
}

function describeTrips() {
  if (!trips.length) return null;
  const [stroke] = plotting.hues();
  return {
    data: [trips.map((_, index) => index + 1), trips],
    options: {
      height: 150,
      legend: { show: false },
      cursor: { show: false },
      scales: { x: { time: false }, y: { range: (_, __, high) => [0, high * 1.15] } },
      axes: [plotting.axis({ show: false }), plotting.axis({ size: 60, values: (_, splits) => splits.map((each) => `${each} ms`) })],
      series: [{}, { stroke, width: 2, fill: `${stroke}1f`, points: { show: trips.length < 40, size: 5 } }],
    },
  };
}

function choose(kind) {
  part(`kind-${kind}`).checked = true;
  part("bytes").hidden = kind !== "binary";
  part("tidy").hidden = kind !== "json";
  complain("");
}

function fill(name) {
  const chosen = templates[Number(name)];
  if (!chosen) return;
  part("message").value = chosen.text;
  try {
    JSON.parse(chosen.text);
    choose("json");
  } catch {
    choose("text");
  }
}

function listen() {
  const onSubmit = (id, handle) => part(id).addEventListener("submit", (event) => {
    event.preventDefault();
    handle();
  });
  onSubmit("connect", connect);
  onSubmit("send", send);
  part("message").addEventListener("keydown", (event) => {
    if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) send();
  });
  part("close").addEventListener("click", () => socket?.close(1000));
  part("clear").addEventListener("click", log.clear);
  part("download").addEventListener("click", log.download);
  part("pause").addEventListener("click", () => {
    log.paused = !log.paused;
    part("pause").textContent = log.paused ? "Go on" : "Pause";
    if (log.paused) log.changed();
    else log.redraw();
  });
  part("only").addEventListener("change", ({ target }) => {
    log.kind = target.value;
    log.redraw();
  });
  part("filter").addEventListener("input", ({ target }) => {
    log.text = target.value.trim().toLowerCase();
    log.redraw();
  });
  for (const box of document.querySelectorAll("[name=kind]")) box.addEventListener("change", () => choose(box.value));
  part("template")?.addEventListener("change", ({ target }) => fill(target.value));
  part("tidy").addEventListener("click", () => {
    part("message").value = payload.pretty(part("message").value);
    complain("");
  });
  part("application_id").addEventListener("change", showQuota);
}

if (root) {
  log.place = part("log");
  log.changed = () => {
    part("counted").textContent = log.words();
  };
  drawTrips = plotting.keep(part("trips-plot"), describeTrips);
  enable(false);
  listen();
  showQuota();
}
