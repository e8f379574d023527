"use strict";
// Photos are sent one by one, a few at a time, and answered in the order in which they were given.

const AT_ONCE = 2;        // as many as the server takes at once
const PATIENCE = 40;      // times that a photo is sent again where the server asks to wait
const element = (id) => document.getElementById(id);
const results = element("results");
const waiting = [];
let sending = 0, given = 0, answered = 0, about = { limits: {} };

const percent = (share) => `${(100 * share).toFixed(1)}\u00a0%`;
const pause = (seconds) => new Promise((done) => setTimeout(done, 1000 * seconds));

// ---- what answers

async function introduce() {
  for (;;) {
    try {
      const answer = await fetch("/version");
      about = await answer.json();
      if (about.labels) break;
    } catch { /* not there yet */ }
    await pause(1);
  }
  const labels = new Intl.ListFormat("en", { type: "conjunction" }).format(about.labels);
  element("title").textContent = about.labels.length > 6 ? `${about.labels.length} labels` : labels;
  const known = about.name ? `${about.name} version ${about.version}` : about.model;
  const learnt = about.learnt_from ? `, learnt from ${about.learnt_from}` : "";
  const test = about.test
    ? `. Right on ${percent(about.test.accuracy)} of photos it had not seen (95\u00a0% interval ` +
      `${percent(about.test.low)} to ${percent(about.test.high)})` : "";
  element("about").textContent = `${known}${learnt}${test}.`;
  document.title = `catml: ${element("title").textContent}`;
}

// ---- what is asked

function add(files) {
  for (const file of files) {
    const card = element("card").content.firstElementChild.cloneNode(true);
    const picture = card.querySelector(".photo img");
    card.querySelector(".photo figcaption").textContent = file.name;
    picture.addEventListener("error", () => card.querySelector(".photo").classList.add("none"));
    picture.src = URL.createObjectURL(file);
    picture.alt = file.name;
    card.querySelector(".again").addEventListener("click", () => ask(card, file));
    results.append(card);
    given += 1;
    ask(card, file);
  }
}

function ask(card, file) {
  card.classList.remove("broken");
  card.classList.add("waiting");
  card.querySelector(".answer").textContent = "Waiting …";
  for (const hidden of [".problem", ".again"]) card.querySelector(hidden).hidden = true;
  if (card.dataset.done) { answered -= 1; delete card.dataset.done; }
  waiting.push([card, file]);
  count();
  next();
}

async function next() {
  while (sending < AT_ONCE && waiting.length) {
    const [card, file] = waiting.shift();
    sending += 1;
    one(card, file).finally(() => { sending -= 1; next(); });
  }
}

async function one(card, file) {
  const most = about.limits.megabytes;
  let said;
  if (!card.isConnected) return;
  if (most && file.size > 1e6 * most) {
    said = { error: `larger than ${most} MB` };
  } else {
    card.querySelector(".answer").textContent = "Looking …";
    said = await send(file);
  }
  if (!card.isConnected) return;
  card.classList.remove("waiting");
  card.dataset.done = "yes";
  answered += 1;
  if (said.error) broken(card, file, said); else show(card, file, said);
  count();
}

async function send(file) {
  for (let times = 0; times < PATIENCE; times += 1) {
    let answer;
    try {
      answer = await fetch("/predict?explain=true", {
        method: "POST", body: file, headers: { "Content-Type": "application/octet-stream" },
      });
      if (answer.status !== 429 && answer.status !== 503) return await answer.json();
    } catch {
      return { error: "the server can't be reached, or the file can't be read", again: true };
    }
    await pause(Math.min(30, Number(answer.headers.get("Retry-After")) || 1));
  }
  return { error: "the server is too busy", again: true };
}

// ---- what is shown

function count() {
  element("bar").hidden = given === 0;
  element("progress").max = Math.max(1, given);
  element("progress").value = answered;
  element("count").textContent = given === answered && given === 1 ? "1 photo" : `${answered} of ${given} photos`;
}

function speak(text) { element("spoken").textContent = `${text} ${answered} of ${given} photos done.`; }

function broken(card, file, said) {
  card.classList.add("broken");
  card.querySelector(".answer").textContent = said.again ? "No answer" : "Can't be answered";
  const problem = card.querySelector(".problem");
  problem.textContent = said.error;
  problem.hidden = false;
  card.querySelector(".again").hidden = !said.again;
  speak(`${file.name}: ${said.error}.`);
}

function show(card, file, said) {
  const answer = card.querySelector(".answer"), sure = percent(said.probability);
  answer.textContent = said.unsure ? `perhaps ${said.label}` : `${said.label}, ${sure}`;
  if (said.unsure) {
    answer.prepend(Object.assign(document.createElement("span"), { className: "badge", textContent: "Unsure" }));
    const doubt = card.querySelector(".doubt");
    doubt.textContent = `Don't rely on it: ${said.reasons.join(", and ")}.`;
    doubt.hidden = false;
  }
  bars(card.querySelector(".bars"), said);
  if (said.heat) {
    const heat = card.querySelector(".heat"), picture = heat.querySelector("img");
    picture.src = said.heat;
    picture.alt = `Where it looked on ${file.name} for ${said.label}`;
    heat.hidden = false;
  }
  alike(card.querySelector(".alike"), said.nearest);
  speak(`${file.name}: ${said.unsure ? "unsure, perhaps " : ""}${said.label}, ${sure}.`);
}

function bars(list, said) {
  const ranked = Object.entries(said.probabilities).sort((one, other) => other[1] - one[1]);
  list.replaceChildren(...ranked.flatMap(([label, share]) => {
    const name = document.createElement("dt"), bar = document.createElement("dd"), number = document.createElement("dd");
    const meter = Object.assign(document.createElement("meter"), { min: 0, max: 1, value: share });
    meter.setAttribute("aria-label", label);
    name.textContent = label;
    bar.append(meter);
    number.textContent = percent(share);
    number.className = "share";
    if (label === said.label) for (const each of [name, number]) each.classList.add("best");
    return [name, bar, number];
  }));
}

function alike(box, nearest) {
  box.hidden = nearest.length === 0;
  box.querySelector("ul").replaceChildren(...nearest.map((photo) => {
    const item = document.createElement("li"), similar = document.createElement("span");
    if (photo.picture) {
      item.append(Object.assign(document.createElement("img"), { src: photo.picture, alt: photo.name, title: photo.name }));
    }
    item.append(photo.label);
    similar.className = "soft";
    similar.textContent = `similarity ${photo.similarity.toFixed(2)}`;
    item.append(similar);
    return item;
  }));
}

// ---- how photos come in

for (const [button, input] of [["choose", "files"], ["shoot", "camera"]]) {
  element(button).addEventListener("click", () => element(input).click());
  element(input).addEventListener("change", (event) => {
    add(event.target.files);
    event.target.value = "";  // so that the same photo can be chosen again
  });
}
element("clear").addEventListener("click", () => {
  for (const picture of results.querySelectorAll(".photo img")) URL.revokeObjectURL(picture.src);
  results.replaceChildren();
  waiting.length = 0;
  given = answered = 0;
  count();
  element("choose").focus();
});

let depth = 0;  // of the elements a dragged file has entered and not left
const over = (change) => { depth = Math.max(0, depth + change); element("drop").classList.toggle("over", depth > 0); };
document.addEventListener("dragenter", (event) => { event.preventDefault(); over(1); });
document.addEventListener("dragleave", () => over(-1));
document.addEventListener("dragover", (event) => event.preventDefault());
document.addEventListener("drop", (event) => { event.preventDefault(); over(-depth); add(event.dataTransfer.files); });
document.addEventListener("paste", (event) => { if (event.clipboardData) add(event.clipboardData.files); });

introduce();
