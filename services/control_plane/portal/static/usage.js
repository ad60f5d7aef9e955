// Plots what stands in the table below, and fetches it anew while somebody watches.
"use strict";

const UNITS = ["B", "kB", "MB", "GB", "TB"];
const table = document.getElementById("numbers");
const place = document.getElementById("plot");

function shorten(value) {
  if (value === null || value === undefined) return "";
  if (place.dataset.unit !== "bytes") return value.toLocaleString("en");
  let unit = 0;
  for (; Math.abs(value) >= 1000 && unit < UNITS.length - 1; unit += 1) value /= 1000;
  return `${Number(value.toPrecision(3))} ${UNITS[unit]}`;
}

function clock(seconds) {
  const at = new Date(seconds * 1000).toISOString();
  return place.dataset.step === "day" || at.slice(11, 16) === "00:00" ? at.slice(5, 10) : at.slice(11, 16);
}

function describe() {
  const heads = [...table.tHead.rows[0].cells];
  const rows = [...table.tBodies[0].rows];
  const data = heads.map((_, index) => rows.map((row) => Number(row.cells[index].dataset.v)));
  if (!rows.length) return null;
  const hues = plotting.hues();
  const series = heads.slice(1).map((head, index) => {
    const isBefore = "before" in head.dataset;
    const stroke = isBefore ? plotting.colour("--pico-muted-color") : hues[index % hues.length];
    return {
      label: head.textContent,
      stroke,
      width: 2,
      dash: isBefore ? [4, 4] : undefined,
      fill: index === 0 && !isBefore ? `${stroke}1f` : undefined,
      points: { show: rows.length < 40, size: 5 },
      value: (_, value) => shorten(value),
    };
  });
  return {
    data,
    options: {
      height: 270,
      tzDate: (seconds) => uPlot.tzDate(new Date(seconds * 1000), "Etc/UTC"),
      cursor: { y: false },
      scales: { y: { range: (_, __, high) => [0, Math.max(1, high * 1.08)] } },
      axes: [plotting.axis({ values: (_, splits) => splits.map(clock) }), plotting.axis({ size: 70, values: (_, splits) => splits.map(shorten) })],
      series: [{ label: "UTC", value: "{YYYY}-{MM}-{DD} {HH}:{mm}" }, ...series],
    },
  };
}

const draw = plotting.keep(place, () => (place.hidden ? null : describe()));
draw();

const button = document.getElementById("live");
const told = document.getElementById("watching");
const LONGEST_MS = 600_000;  // a page that is left open asks no longer
let source = null;
let ends = null;

function say(text) {
  told.hidden = false;
  told.textContent = text;
}

function stop(words) {
  source?.close();
  source = null;
  clearTimeout(ends);
  button.setAttribute("aria-pressed", "false");
  say(words);
}

function watch() {
  source = new EventSource(button.dataset.live);
  button.setAttribute("aria-pressed", "true");
  say("Waiting for figures …");
  ends = setTimeout(() => stop("The live view has ended. Press Live to go on."), LONGEST_MS);
  source.addEventListener("figures", ({ data }) => {
    for (const [part, html] of Object.entries(JSON.parse(data))) document.getElementById(part).innerHTML = html;
    place.hidden = false;
    document.querySelector(".nothing")?.remove();
    draw();
    say("Live: new figures every few seconds.");
  });
  source.addEventListener("end", () => stop("The session has ended: load the page anew."));
  source.addEventListener("error", () => {
    if (source?.readyState === EventSource.CLOSED) stop("The live view can't be had now. Try again in a while.");
  });
}

if (button) {
  button.hidden = false;
  button.addEventListener("click", () => (source ? stop("Not live.") : watch()));
  window.addEventListener("pagehide", () => source?.close());
}
