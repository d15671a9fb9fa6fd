"use strict";
// Filters and groups of the findings; the page is whole without them.
const form = document.getElementById("filters");
const main = document.getElementById("content");
const articles = [...main.querySelectorAll("article")];
const byFile = [...main.querySelectorAll("section")];
const text = new Map(articles.map((a) => [a, a.textContent.toLowerCase() + " " + a.dataset.file.toLowerCase()]));
const orders = { level: ["error", "warning", "advice", "pedantic"], stage: ["data", "skeleton", "overfit", "regularize", "tune", "squeeze"] };

function chosen(name) {
  const boxes = [...form.querySelectorAll(`input[name=${name}]`)];
  return boxes.every((box) => box.checked) ? null : boxes.filter((box) => box.checked).map((box) => box.value);
}

function filter() {
  const words = form.elements.text.value.toLowerCase().split(/\s+/).filter(Boolean);
  const wanted = ["level", "stage", "verdict"].map((name) => [name, chosen(name)]);
  const fixable = form.elements.fixable && form.elements.fixable.checked;
  let shown = 0;
  for (const article of articles) {
    const fits =
      words.every((word) => text.get(article).includes(word)) &&
      wanted.every(([name, values]) => !values || article.dataset[name].split(" ").some((v) => values.includes(v))) &&
      (!fixable || article.dataset.fixable === "yes");
    article.hidden = !fits;
    shown += fits;
  }
  for (const section of main.querySelectorAll("section")) {
    section.hidden = !section.querySelector("article:not([hidden])");
  }
  form.querySelector("output").textContent = shown === articles.length ? "" : `${shown} of ${articles.length} shown`;
}

function group() {
  const name = form.elements.group.value;
  for (const section of main.querySelectorAll("section.made")) section.remove();
  if (name === "file") {
    for (const article of articles) {
      byFile.find((section) => section.dataset.group === article.dataset.file).append(article);
    }
    main.append(...byFile);
    return;
  }
  const groups = new Map();
  for (const article of articles) {
    const key = name === "rule" ? article.dataset.rule : article.dataset[name].split(" ")[0] ;
    if (!groups.has(key)) groups.set(key, []);
    groups.get(key).push(article);
  }
  for (const section of byFile) section.remove();
  const order = orders[name] || [...groups.keys()].sort();
  const keys = [...groups.keys()].sort((a, b) => (order.indexOf(a) + 1 || 99) - (order.indexOf(b) + 1 || 99));
  for (const key of keys) {
    const section = document.createElement("section");
    section.className = "group made";
    const head = document.createElement("h2");
    head.textContent = `${key} (${groups.get(key).length})`;
    section.append(head, ...groups.get(key));
    main.append(section);
  }
}

if (matchMedia("(max-width: 63.99rem)").matches) document.getElementById("navigation").open = false;
form.hidden = false;
form.addEventListener("submit", (event) => event.preventDefault());
form.addEventListener("input", (event) => { if (event.target.name === "group") group(); filter(); });
form.addEventListener("reset", () => setTimeout(() => { group(); filter(); }));
// a link to what a filter hides shows it again
addEventListener("hashchange", () => {
  const target = document.getElementById(location.hash.slice(1));
  if (target && (target.hidden || target.closest("[hidden]"))) { form.reset(); setTimeout(() => target.scrollIntoView(), 50); }
});
