// A WebSocket console: fetches a ticket from our own host, and speaks to the gateway.
"use strict";

const part = (id) => document.getElementById(id);
const root = part("try");
const words = root ? JSON.parse(root.dataset.words) : {};
const MAX_ENTRIES = 1000;
const entries = [];
let socket = null;

function show(kind, way, body, size = null) {
  const now = new Date();
  entries.push({ time: now.toISOString(), direction: kind, body, bytes: size });
  if (entries.length > MAX_ENTRIES) entries.shift();
  const line = document.createElement("div");
  line.className = kind;
  const time = document.createElement("time");
  time.dateTime = now.toISOString();
  time.textContent = now.toTimeString().slice(0, 8) + "." + String(now.getMilliseconds()).padStart(3, "0");
  line.append(time, cell("way", way), cell("body", body), cell("size", size === null ? "" : `${size} B`));
  const log = part("log");
  log.append(line);
  if (log.children.length > MAX_ENTRIES) log.firstChild.remove();
  log.scrollTop = log.scrollHeight;
}

function cell(name, text) {
  const made = document.createElement("span");
  made.className = name;
  made.textContent = text;
  return made;
}

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

async function fetchTicket() {
  const form = new URLSearchParams(new FormData(part("connect")));
  const answer = await fetch(`/store/apis/${root.dataset.api}/ticket`, { method: "POST", body: form });
  if (answer.redirected) throw new Error("The session has ended: load the page anew.");
  const body = await answer.json();
  if (!answer.ok) throw new Error(body.detail ?? body.errors?.map((item) => item.message).join("; ") ?? body.title);
  return body;
}

async function connect() {
  part("open").disabled = true;
  tell("Connecting …");
  let granted;
  try {
    granted = await fetchTicket();
  } catch (error) {
    show("refused", "✕", error.message);
    tell("Not connected.");
    enable(false);
    return;
  }
  const address = new URL(part("address").value + part("rest").value.trim());
  address.searchParams.set("ticket", granted.ticket);
  const offered = part("subprotocols").value.split(",").map((item) => item.trim()).filter(Boolean);
  let opened = false;
  try {
    socket = new WebSocket(address, offered);
  } catch (error) {
    show("refused", "✕", error.message);
    tell("Not connected.");
    enable(false);
    return;
  }
  socket.binaryType = "arraybuffer";
  socket.onopen = () => {
    opened = true;
    enable(true);
    tell("Connected.");
    show("told", "•", `Connected to ${part("address").value}${socket.protocol ? `, subprotocol ${socket.protocol}` : ""}`);
    part("message").focus();
  };
  socket.onmessage = ({ data }) => receive(data);
  socket.onclose = (event) => {
    enable(false);
    tell("Not connected.");
    if (opened) show(event.code === 1000 ? "told" : "closed", "✕", explain(event));
    else show("refused", "✕", refusal(granted.obstacles));
    part("open").focus();
  };
}

function refusal(obstacles) {
  const known = obstacles.join(" ");
  return known || "Refused before it opened. Browsers don't say why: is the API published, and its backend up?";
}

function receive(data) {
  if (typeof data === "string") return show("received", "←", data, new TextEncoder().encode(data).length);
  const bytes = new Uint8Array(data);
  const shown = Array.from(bytes.slice(0, 64), (byte) => byte.toString(16).padStart(2, "0")).join(" ");
  show("received", "←", `${shown}${bytes.length > 64 ? " …" : ""}`, bytes.length);
}

function send() {
  const text = part("message").value;
  if (socket?.readyState !== WebSocket.OPEN) return;
  socket.send(text);
  show("sent", "→", text, new TextEncoder().encode(text).length);
}

function download() {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(new Blob([JSON.stringify(entries, null, 2)], { type: "application/json" }));
  link.download = "framegate-messages.json";
  link.click();
  URL.revokeObjectURL(link.href);
}

if (root) {
  enable(false);
  part("connect").addEventListener("submit", (event) => {
    event.preventDefault();
    connect();
  });
  part("send").addEventListener("submit", (event) => {
    event.preventDefault();
    send();
  });
  part("message").addEventListener("keydown", (event) => {
    if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) send();
  });
  part("close").addEventListener("click", () => socket?.close(1000));
  part("clear").addEventListener("click", () => {
    entries.length = 0;
    part("log").replaceChildren();
  });
  part("download").addEventListener("click", download);
  part("tidy").addEventListener("click", () => {
    try {
      part("message").value = JSON.stringify(JSON.parse(part("message").value), null, 2);
    } catch (error) {
      tell(`That is no JSON: ${error.message}`);
    }
  });
}
