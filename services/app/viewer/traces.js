// Speed, energy and hit points of both over the whole match, with a cursor. The still part is drawn once.

const LEFT = 64, RIGHT = 14, TOP = 20, BOTTOM = 22, GAP = 24;
const PANELS = [
  { title: "speed, m/s", value: (seat, time) => at("speed", seat, time), digits: 0 },
  { title: "energy (height and speed), kJ/kg", value: energy, digits: 0 },
  { title: "hit points", value: hp, digits: 0, steps: true },
];
let still = null;

const timeToX = (time, width) => LEFT + (width - LEFT - RIGHT) * time / film.ticks;
const xToTime = (x, width) => Math.min(1, Math.max(0, (x - LEFT) / (width - LEFT - RIGHT))) * film.ticks;

function forgetTraces() { still = null; }

function drawTraces(canvas, time) {
  const { pen, width, height } = surface(canvas);
  if (!still || still.width !== canvas.width || still.height !== canvas.height) still = drawStill(canvas, width, height);
  pen.save();
  pen.setTransform(1, 0, 0, 1, 0, 0);
  pen.drawImage(still, 0, 0);
  pen.restore();
  pen.fillStyle = colours.text;
  pen.fillRect(timeToX(time, width) - 0.75, TOP - 8, 1.5, height - TOP - BOTTOM + 8);
}

function drawStill(canvas, width, height) {
  const copy = Object.assign(document.createElement("canvas"), { width: canvas.width, height: canvas.height });
  const pen = copy.getContext("2d"), ratio = canvas.width / width;
  pen.scale(ratio, ratio);
  pen.font = "11px system-ui, sans-serif";
  const tall = (height - TOP - BOTTOM - GAP * (PANELS.length - 1)) / PANELS.length;
  PANELS.forEach((panel, index) => drawPanel(pen, panel, TOP + index * (tall + GAP), tall, width));
  drawSeconds(pen, width, height);
  return copy;
}

function drawPanel(pen, panel, top, tall, width) {
  const count = Math.min(film.ticks, 1600);
  const times = Array.from({ length: count + 1 }, (_, k) => film.ticks * k / count);
  const lines = SEATS.map((seat) => times.map((time) => panel.value(seat, time)));
  const all = lines.flat(), low = panel.steps ? 0 : Math.min(0, ...all);
  const high = panel.steps ? film.physics.max_hp : roundUp(Math.max(1, ...all));
  const place = (value) => top + tall * (1 - (value - low) / (high - low));
  for (const value of [low, (low + high) / 2, high]) {
    pen.fillStyle = colours.line;
    pen.fillRect(LEFT, place(value), width - LEFT - RIGHT, 1);
    pen.fillStyle = colours.dim;
    pen.textAlign = "right";
    pen.fillText(Number(value.toFixed(1)).toString(), LEFT - 8, place(value) + 4);
  }
  pen.textAlign = "left";
  pen.fillStyle = colours.text;
  pen.fillText(panel.title, LEFT, top - 6);
  // Where both are equal, both stay visible: the second line is dashed.
  SEATS.forEach((seat) => drawLine(pen, times, lines[seat], place, seat, panel.steps, width));
}

// The next number that reads well on an axis and halves well.
function roundUp(value) {
  const unit = 10 ** Math.floor(Math.log10(value));
  return unit * [1, 1.2, 1.6, 2, 3, 4, 5, 6, 8, 10].find((step) => step * unit >= value);
}

function drawLine(pen, times, values, place, seat, steps, width) {
  pen.save();
  pen.beginPath();
  values.forEach((value, k) => {
    const [x, y] = [timeToX(times[k], width), place(value)];
    if (k && steps) pen.lineTo(x, place(values[k - 1]));
    pen.lineTo(x, y);
  });
  pen.setLineDash(seat ? [7, 3] : []);
  pen.lineWidth = steps ? 2 : 1.5;
  pen.strokeStyle = colours[`seat-${seat}`];
  pen.stroke();
  if (steps) drawHits(pen, seat, place, width);
  pen.restore();
}

function drawHits(pen, seat, place, width) {
  pen.fillStyle = colours[`seat-${seat}`];
  for (const [tick, now] of film.hp[seat].slice(1)) {
    pen.beginPath();
    pen.arc(timeToX(tick, width), place(now), 3.5, 0, 2 * Math.PI);
    pen.fill();
  }
}

function drawSeconds(pen, width, height) {
  const seconds = film.ticks / RATE, step = [1, 2, 5, 10, 20].find((one) => seconds / one <= 14) || 30;
  pen.fillStyle = colours.dim;
  pen.textAlign = "center";
  for (let second = 0; second <= seconds; second += step)
    pen.fillText(`${second} s`, timeToX(second * RATE, width), height - 6);
}
