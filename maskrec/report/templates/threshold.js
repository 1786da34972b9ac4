"use strict";
// A slider's place k is the right edge of bin k: pairs in the first k bins are at or below the threshold.

function sum(numbers, from, to) {
  let total = 0;
  for (let place = from; place < to; place += 1) total += numbers[place];
  return total;
}

function share(part, whole, digits) {
  if (whole === 0) return "–";
  return digits === 4 ? (part / whole).toFixed(4) : (100 * part / whole).toFixed(1) + " %";
}

function significant(value) {
  return value.toPrecision(4);
}

function start(part) {
  const data = JSON.parse(document.getElementById(part.dataset.slider).textContent);
  const range = part.querySelector("input[type=range]");
  const output = part.querySelector("output");
  const lines = part.querySelectorAll("line.threshold");
  const rows = part.querySelectorAll("table[data-rates] tbody tr");
  const buttons = part.querySelectorAll("button[data-place]");
  const conditions = Object.keys(data.counts).sort((a, b) => data.order.indexOf(a) - data.order.indexOf(b));

  function show() {
    const place = Number(range.value);
    const value = data.low + (data.high - data.low) * place / data.bins;
    output.textContent = significant(value);
    range.setAttribute("aria-valuetext", significant(value));
    for (const line of lines) {
      const [left, right] = data.boxes[line.dataset.condition];
      const across = (left + (right - left) * place / data.bins).toFixed(2);
      line.setAttribute("x1", across);
      line.setAttribute("x2", across);
    }
    conditions.forEach((condition, number) => {
      const { same, different } = data.counts[condition];
      const accepted = sum(different, 0, place);
      const rejected = sum(same, place, data.bins);
      const [people, others] = [sum(same, 0, data.bins), sum(different, 0, data.bins)];
      const words = [
        share(accepted, others, 4),
        share(rejected, people, 4),
        share(people + others - accepted - rejected, people + others, 1),
        accepted.toLocaleString("en"),
        rejected.toLocaleString("en"),
      ];
      words.forEach((text, column) => {
        rows[number].cells[column + 1].textContent = text;
      });
    });
    for (const button of buttons) {
      button.setAttribute("aria-pressed", String(Number(button.dataset.place) === place));
    }
  }

  range.addEventListener("input", show);
  for (const button of buttons) {
    button.addEventListener("click", () => {
      range.value = button.dataset.place;
      show();
    });
  }
  part.querySelector(".handle").hidden = false;
  show();
}

document.querySelectorAll("[data-slider]").forEach(start);
