// The match as numbers: everything here is a function of the time in ticks, which may lie between two of them.

const film = JSON.parse(document.getElementById("film").textContent);
const RATE = film.arena.ticks_per_second;
const SEATS = [0, 1];
const HALF = film.arena.half_width, WIDTH = 2 * HALF;
const MISSED = 0, GLANCED = 1, HIT = 2;

function unpack({ step, data }) {
  const bytes = Uint8Array.from(atob(data), (letter) => letter.charCodeAt(0));
  const view = new DataView(bytes.buffer), count = film.ticks + 1;
  return SEATS.map((seat) =>
    Float32Array.from({ length: count }, (_, tick) => view.getInt16(2 * (seat * count + tick), true) / step));
}

const tracks = Object.fromEntries(Object.entries(film.tracks).map(([name, track]) => [name, unpack(track)]));

function at(name, seat, time) {
  const values = tracks[name][seat], tick = Math.min(Math.floor(time), film.ticks - 1), share = time - tick;
  let change = values[tick + 1] - values[tick];
  // Where the sides are joined, an aircraft leaps from one to the other.
  if (name === "x") change -= WIDTH * Math.round(change / WIDTH);
  if (name === "yaw") change -= 2 * Math.PI * Math.round(change / (2 * Math.PI));
  return values[tick] + change * share;
}

function energy(seat, time) {
  const speed = at("speed", seat, time);
  return (film.physics.gravity * at("y", seat, time) + speed * speed / 2) / 1000;
}

function hp(seat, time) {
  let value = film.hp[seat][0][1];
  for (const [tick, now] of film.hp[seat]) if (tick <= time) value = now;
  return value;
}

// Down by a bullet or by the ground, which takes no hit points.
const down = (seat, time) => film.down[seat] !== null && time >= film.down[seat];

// Everything that struck an aircraft: when, whose, how many hit points it took.
const hits = SEATS.flatMap((seat) => film.hp[seat].slice(1).map(([tick, now], before) =>
  ({ seat, tick, lost: film.hp[seat][before][1] - now })));
for (const seat of SEATS)
  if (film.down[seat] !== null && hp(seat, film.down[seat]) > 0) hits.push({ seat, tick: film.down[seat], lost: 0 });
const stalled = (seat, time) => film.stalls[seat].some(([first, last]) => first <= time && time <= last);

const inside = (x) => film.arena.joined ? x - WIDTH * Math.round(x / WIDTH) : x;
const leaps = (one, other) => Math.abs(one - other) > HALF;

// A bullet flies straight: one row says where it is at any time.
const bullets = film.bullets.map(([owner, first, last, x, y, vx, vy, fate]) => ({
  owner, first, last, fate, vx, vy,
  place: (time) => [inside(x + vx * (time - first) / RATE), y + vy * (time - first) / RATE],
}));

// Ticks until a gun may fire again, from the last shot; 0: ready.
function reload(seat, time) {
  const shots = bullets.filter((bullet) => bullet.owner === seat && bullet.first <= time);
  const last = Math.max(-Infinity, ...shots.map((bullet) => bullet.first));
  return Math.max(0, film.physics.gun_cooldown_ticks - (time - last));
}
