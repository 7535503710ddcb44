// Time: who moves it, and everything that shows it.

const SPEEDS = [[0.25, "¼"], [0.5, "½"], [1, "1"], [2, "2"], [4, "4"], [8, "8"]];
const ICONS = { play: "M3 1 L14 8 L3 15 Z", pause: "M3 1 H7 V15 H3 Z M9 1 H13 V15 H9 Z" };
const byId = (id) => document.getElementById(id);
const root = document.documentElement;
const state = { time: 0, speed: 1, playing: false, before: 0, drawn: 0 };

function show() {
  drawArena(byId("arena"), state.time);
  drawTraces(byId("traces"), state.time);
  SEATS.forEach(fillCard);
  byId("scrub").value = Math.round(state.time);
  byId("clock").textContent = `${(state.time / RATE).toFixed(2)} s of ${(film.ticks / RATE).toFixed(2)} s`;
  // For whoever drives the page from outside.
  Object.assign(root.dataset, { drawn: ++state.drawn, tick: Math.round(state.time), playing: state.playing });
}

function seek(time) {
  state.time = Math.min(film.ticks, Math.max(0, time));
  if (!state.playing) show();
}

function play(on) {
  if (on && state.time >= film.ticks) state.time = 0;
  state.playing = on;
  byId("play").setAttribute("aria-label", on ? "pause" : "play");
  byId("play").querySelector("path").setAttribute("d", on ? ICONS.pause : ICONS.play);
  if (on) { state.before = performance.now(); requestAnimationFrame(tick); }
  show();
}

function tick(now) {
  if (!state.playing) return;
  // A tab that slept does not leap.
  const passed = Math.min(0.1, Math.max(0, now - state.before) / 1000);
  state.before = now;
  state.time = Math.min(film.ticks, state.time + passed * RATE * state.speed);
  if (state.time >= film.ticks) return play(false);
  show();
  requestAnimationFrame(tick);
}

function setSpeed(index) {
  const chosen = Math.min(SPEEDS.length - 1, Math.max(0, index));
  state.speed = SPEEDS[chosen][0];
  [...byId("speeds").children].forEach((button, k) => button.setAttribute("aria-pressed", k === chosen));
  root.dataset.speed = state.speed;
}

const speedIndex = () => SPEEDS.findIndex(([speed]) => speed === state.speed);

function buildCard(seat) {
  const card = document.querySelector(`[data-card="${seat}"]`), { name, policy } = film.match.seats[seat];
  const add = (tag, text, parent = card) =>
    parent.appendChild(Object.assign(document.createElement(tag), { textContent: text }));
  add("h2", name);
  add("p", policy ? `policy ${policy.slice(0, 12)}` : "scripted pilot");
  const pips = add("div", "");
  pips.className = "pips";
  for (let k = 0; k < film.physics.max_hp; k++) add("i", "", pips);
  const list = add("dl", "");
  for (const label of ["hit points", "speed", "altitude", "energy", "gun"]) { add("dt", label, list); add("dd", "", list); }
  add("em", "");
}

function fillCard(seat) {
  const card = document.querySelector(`[data-card="${seat}"]`), time = state.time, left = hp(seat, time);
  const wait = reload(seat, time) / RATE;
  const values = [
    `${left} of ${film.physics.max_hp}`, `${at("speed", seat, time).toFixed(0)} m/s`, `${at("y", seat, time).toFixed(0)} m`,
    `${energy(seat, time).toFixed(1)} kJ/kg`, wait > 0 ? `in ${wait.toFixed(1)} s` : "ready",
  ];
  card.querySelectorAll("dd").forEach((cell, k) => { cell.textContent = values[k]; });
  card.querySelectorAll(".pips i").forEach((pip, k) => { pip.className = k < left ? "on" : ""; });
  card.querySelector("em").textContent = down(seat, time) ? "down" : stalled(seat, time) ? "stall" : "";
}

function buildFacts() {
  const { run, match, rules, seed, result } = film.match;
  const verdict = Object.assign(document.createElement("b"), { textContent: result });
  const where = run ? `, run ${run}, match ${match}` : "";
  byId("facts").append(verdict, ` after ${(film.ticks / RATE).toFixed(1)} s · seed ${seed} · rules ${rules}${where}`);
  document.querySelectorAll("[data-name]").forEach((spot) => {
    spot.textContent = film.match.seats[spot.dataset.name].name;
  });
}

const KEYS = {
  " ": () => play(!state.playing),
  ArrowLeft: (event) => seek(state.time - (event.shiftKey ? RATE : film.arena.ticks_per_decision)),
  ArrowRight: (event) => seek(state.time + (event.shiftKey ? RATE : film.arena.ticks_per_decision)),
  ArrowUp: () => setSpeed(speedIndex() + 1),
  ArrowDown: () => setSpeed(speedIndex() - 1),
  Home: () => seek(0),
  End: () => seek(film.ticks),
};

function connect() {
  byId("scrub").max = film.ticks;
  byId("scrub").addEventListener("input", (event) => seek(Number(event.target.value)));
  byId("play").addEventListener("click", () => play(!state.playing));
  SPEEDS.forEach(([, label], index) => {
    const button = Object.assign(document.createElement("button"), { type: "button", textContent: `×${label}` });
    button.addEventListener("click", () => setSpeed(index));
    byId("speeds").append(button);
  });
  addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || !KEYS[event.key]) return;
    event.preventDefault();
    KEYS[event.key](event);
  });
  const traces = byId("traces");
  const drag = (event) => { if (event.buttons) seek(xToTime(event.offsetX, traces.clientWidth)); };
  traces.addEventListener("pointerdown", drag);
  traces.addEventListener("pointermove", drag);
  const restyle = () => { readColours(); forgetTraces(); show(); };
  new ResizeObserver(restyle).observe(byId("arena"));
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", restyle);
  // Paper is light whatever the screen is.
  addEventListener("beforeprint", () => { root.dataset.print = ""; restyle(); });
  addEventListener("afterprint", () => { delete root.dataset.print; restyle(); });
}

readColours();
buildFacts();
SEATS.forEach(buildCard);
connect();
setSpeed(2);
// `#t=12.5` opens the page at that second, at rest.
const asked = Number(new URLSearchParams(location.hash.slice(1)).get("t") ?? NaN);
seek(Number.isFinite(asked) ? asked * RATE : 0);
play(!Number.isFinite(asked) && !matchMedia("(prefers-reduced-motion: reduce)").matches);
