// The arena at one moment. World: metres, y upwards; the canvas shows all of it and a little more.

const BORDER = 18;
const TRAIL_SECONDS = 4, FLASH_SECONDS = 0.5;
const PLANE_SCALE = 1.9;  // an aircraft is 16 m: too small to see how it lies

let colours = {};
function readColours() {
  const style = getComputedStyle(document.documentElement);
  const names = ["panel", "text", "dim", "line", "sky-high", "sky-low", "wall", "ground", "spark", "seat-0", "seat-1"];
  colours = Object.fromEntries(names.map((name) => [name, style.getPropertyValue(`--${name}`).trim()]));
}

// The canvas in CSS pixels, sharp on any screen.
function surface(canvas) {
  const ratio = window.devicePixelRatio || 1, width = canvas.clientWidth, height = canvas.clientHeight;
  const [columns, rows] = [Math.round(width * ratio), Math.round(height * ratio)];
  if (canvas.width !== columns || canvas.height !== rows) Object.assign(canvas, { width: columns, height: rows });
  const pen = canvas.getContext("2d");
  pen.setTransform(ratio, 0, 0, ratio, 0, 0);
  pen.clearRect(0, 0, width, height);
  return { pen, width, height };
}

function drawArena(canvas, time) {
  const { pen, width, height } = surface(canvas);
  const { half_width: half, height: top } = film.arena;
  const scale = Math.min(width / (2 * half + 2 * BORDER), height / (top + 2 * BORDER));
  const view = { pen, scale, x: (x) => width / 2 + x * scale, y: (y) => height / 2 - (y - top / 2) * scale };
  drawSky(view, width, height);
  for (const seat of SEATS) drawTrail(view, seat, time);
  for (const bullet of bullets) drawBullet(view, bullet, time);
  for (const seat of SEATS) drawPlane(view, seat, time);
  for (const hit of hits) drawHit(view, hit, time);
  if (time >= film.ticks) drawVerdict(view, width);
}

function drawSky({ pen, scale, x, y }, width, height) {
  const { half_width: half, height: top, margin, joined } = film.arena;
  const [side, floor] = joined ? [0, 0] : [margin, margin];
  const sky = pen.createLinearGradient(0, y(top), 0, y(0));
  sky.addColorStop(0, colours["sky-high"]);
  sky.addColorStop(1, colours["sky-low"]);
  pen.fillStyle = sky;
  pen.fillRect(x(-half), y(top), 2 * half * scale, top * scale);
  pen.save();
  pen.beginPath();
  pen.rect(x(-half), y(top), 2 * half * scale, top * scale);
  pen.rect(x(-half + side), y(top - margin), 2 * (half - side) * scale, (top - margin - floor) * scale);
  pen.clip("evenodd");
  pen.globalAlpha = 0.3;
  pen.strokeStyle = colours.wall;
  pen.lineWidth = 1;
  pen.beginPath();
  for (let k = -height; k < width; k += 9) { pen.moveTo(k, height); pen.lineTo(k + height, 0); }
  pen.stroke();
  pen.restore();
  pen.fillStyle = colours.ground;
  pen.fillRect(x(-half), y(0), 2 * half * scale, 4);
  pen.fillStyle = colours.dim;
  pen.font = "11px system-ui, sans-serif";
  pen.textAlign = "left";
  for (const altitude of [100, 200, 300, 400, 500]) {
    pen.globalAlpha = 0.25;
    pen.fillRect(x(-half), y(altitude), 2 * half * scale, 1);
    pen.globalAlpha = 1;
    pen.fillText(`${altitude} m`, x(-half) + 5, y(altitude) - 3);
  }
}

function drawTrail({ pen, x, y }, seat, time) {
  const parts = 48, step = TRAIL_SECONDS * RATE / parts;
  Object.assign(pen, { strokeStyle: colours[`seat-${seat}`], lineWidth: 2, lineCap: "butt" });
  for (let part = 0; part < parts; part++) {
    const from = time - (part + 1) * step, to = time - part * step;
    if (to <= 0) break;
    if (leaps(at("x", seat, Math.max(0, from)), at("x", seat, to))) continue;
    pen.globalAlpha = 0.6 * (1 - part / parts) ** 1.5;
    pen.beginPath();
    pen.moveTo(x(at("x", seat, Math.max(0, from))), y(at("y", seat, Math.max(0, from))));
    pen.lineTo(x(at("x", seat, to)), y(at("y", seat, to)));
    pen.stroke();
  }
  pen.globalAlpha = 1;
}

function drawBullet({ pen, x, y }, bullet, time) {
  const since = (time - bullet.last) / RATE;
  if (time < bullet.first || since > 0.25) return;
  if (time <= bullet.last + 1) {
    const [head, tail] = [bullet.place(time), bullet.place(Math.max(bullet.first, time - 4))];
    if (leaps(head[0], tail[0])) return;
    pen.strokeStyle = colours[`seat-${bullet.owner}`];
    pen.lineWidth = 3;
    pen.lineCap = "round";
    pen.beginPath();
    pen.moveTo(x(tail[0]), y(tail[1]));
    pen.lineTo(x(head[0]), y(head[1]));
    pen.stroke();
  } else if (bullet.fate === GLANCED) {
    const [bx, by] = bullet.place(bullet.last);
    drawRays(pen, x(bx), y(by), 4, 4 + 30 * since, 6, colours.dim, 1 - since / 0.25);
  }
}

function drawRays(pen, x, y, inner, outer, count, colour, alpha) {
  pen.save();
  pen.globalAlpha = Math.max(0, alpha);
  pen.strokeStyle = colour;
  pen.lineWidth = 2;
  pen.beginPath();
  for (let k = 0; k < count; k++) {
    const angle = 2 * Math.PI * k / count + 0.4;
    pen.moveTo(x + inner * Math.cos(angle), y + inner * Math.sin(angle));
    pen.lineTo(x + outer * Math.cos(angle), y + outer * Math.sin(angle));
  }
  pen.stroke();
  pen.restore();
}

function drawHit({ pen, x, y }, hit, time) {
  const age = (time - hit.tick) / RATE, last = down(hit.seat, hit.tick);
  const lasts = last ? 3 * FLASH_SECONDS : FLASH_SECONDS;
  // The last state of the match is also its end: there the flash must not be at size zero.
  const shown = last && time >= film.ticks ? 0.3 : age / lasts;
  if (age < 0 || shown > 1) return;
  const [px, py] = [x(at("x", hit.seat, hit.tick)), y(at("y", hit.seat, hit.tick))], size = last ? 60 : 30;
  pen.save();
  pen.globalAlpha = 1 - shown;
  pen.strokeStyle = colours.spark;
  pen.lineWidth = 3;
  pen.beginPath();
  pen.arc(px, py, 8 + size * shown, 0, 2 * Math.PI);
  pen.stroke();
  pen.restore();
  drawRays(pen, px, py, 6 + size * shown * 0.5, 12 + size * shown * 1.3, last ? 14 : 9, colours.spark, 1 - shown);
}

function drawPlane({ pen, x, y, scale }, seat, time) {
  const [px, py, yaw] = [x(at("x", seat, time)), y(at("y", seat, time)), at("yaw", seat, time)];
  const size = Math.max(0.75, scale * PLANE_SCALE);
  pen.save();
  pen.translate(px, py);
  pen.rotate(-yaw);
  // The cockpit is on top whichever way it flies.
  pen.scale(size, Math.cos(yaw) < 0 ? -size : size);
  pen.globalAlpha = down(seat, time) ? 0.45 : 1;
  pen.fillStyle = colours[`seat-${seat}`];
  pen.strokeStyle = colours.panel;
  pen.lineWidth = 0.8;
  pen.fill(PLANE);
  pen.stroke(PLANE);
  pen.fill(CANOPY);
  pen.globalAlpha *= 0.75;
  pen.fillStyle = colours.panel;
  pen.fill(WING);
  pen.restore();
  // Two labels in one place cannot be read: the lower aircraft has its own below.
  const other = 1 - seat, [dx, dy] = [x(at("x", other, time)) - px, y(at("y", other, time)) - py];
  const below = Math.abs(dx) < 140 && Math.abs(dy) < 40 && (dy < 0 || (dy === 0 && seat));
  drawLabel(pen, seat, time, px, below ? py + 13 * size + 18 : py - 13 * size - 6);
}

// Name and hit points above an aircraft, never beyond the edge of the picture.
function drawLabel(pen, seat, time, px, above) {
  const name = film.match.seats[seat].name + (stalled(seat, time) ? " (stall)" : ""), bar = 32;
  pen.font = "600 12px system-ui, sans-serif";
  pen.textAlign = "center";
  const half = pen.measureText(name).width / 2 + 4, width = pen.canvas.clientWidth;
  px = Math.min(width - half, Math.max(half, px));
  above = Math.min(pen.canvas.clientHeight - 6, Math.max(20, above));
  pen.fillStyle = colours.line;
  pen.fillRect(px - bar / 2, above, bar, 4);
  pen.fillStyle = colours[`seat-${seat}`];
  pen.fillRect(px - bar / 2, above, bar * hp(seat, time) / film.physics.max_hp, 4);
  pen.fillText(name, px, above - 5);
}

// Metres, nose to the right, origin where the bullets hit: fuselage with tail fin, wing, canopy.
const PLANE = new Path2D("M11 0.4 C10.5 -1.6 7 -2.6 3 -2.8 L-7 -1.8 L-9.5 -6.5 L-12 -6.5 L-11.5 -0.4 L-12.5 0.6 L-5 3 L4 3 C8 3 10.8 2 11 0.4 Z");
const WING = new Path2D("M4.5 0.2 L-1.5 0.2 L-5 2.4 L0 2.4 Z");
const CANOPY = new Path2D("M6.5 -2.2 C5.5 -4.6 1.5 -4.8 -0.5 -2.5 Z");

function drawVerdict({ pen, y }, width) {
  const { outcome, result } = film.match;
  pen.font = "650 22px system-ui, sans-serif";
  pen.textAlign = "center";
  const half = pen.measureText(result).width / 2 + 18, line = y(film.arena.height - 75);
  pen.fillStyle = colours.panel;
  pen.globalAlpha = 0.9;
  pen.fillRect(width / 2 - half, line - 27, 2 * half, 40);
  pen.globalAlpha = 1;
  pen.fillStyle = outcome === 2 ? colours.text : colours[`seat-${outcome === 1 ? 0 : 1}`];
  pen.fillText(result, width / 2, line);
}
