/* What a page can do beyond being read. Without it nothing is missing: tables, figures and links
   are all there. It asks nothing of a network and keeps nothing. */
"use strict";
(() => {
  if (!HTMLElement.prototype.showPopover) return; // a browser from before 2024 has all to read

  const all = (selector, within = document) => [...within.querySelectorAll(selector)];

  /* Make an element; functions listen to the event of their name. */
  function make(tag, attributes = {}, ...children) {
    const element = document.createElement(tag);
    for (const [name, value] of Object.entries(attributes)) {
      if (typeof value === "function") element.addEventListener(name, value);
      else element.setAttribute(name, value);
    }
    element.append(...children);
    return element;
  }

  const button = (label, click, attributes = {}) =>
    make("button", { type: "button", click, ...attributes }, label);
  const oneLine = (text) => text.replace(/\u00ad/g, "").replace(/\s+/g, " ").trim();

  /* ---- saying what was done, to eyes and to screen readers alike ---- */

  const said = make("div", { class: "toast", role: "status" });
  const told = make("div", { class: "offscreen", role: "status" }); // for who cannot see the tip
  const tip = make("div", { class: "tip", "aria-hidden": "true" });
  let silence = 0;
  function say(text) {
    said.textContent = text;
    clearTimeout(silence);
    silence = setTimeout(() => { said.textContent = ""; }, 4000);
  }

  async function copy(text, what) {
    try {
      await navigator.clipboard.writeText(text);
    } catch {
      return say("This browser does not let the page copy.");
    }
    say(`${what} copied.`);
  }

  function save(name, blob) {
    const link = make("a", { href: URL.createObjectURL(blob), download: name });
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 10000);
    say(`${name} saved.`);
  }

  const copyLink = (id) => copy(`${location.href.split("#")[0]}#${id}`, "Link");

  /* Without accents, as the names in the folder beside the page: "café" is "cafe". */
  function fileName(text) {
    const ascii = text.normalize("NFKD").replace(/[^\x20-\x7e\s]/g, "").toLowerCase();
    const plain = ascii.replace(/[^a-z0-9]+/g, "-").slice(0, 48);
    return plain.replace(/^-+|-+$/g, "") || "untitled";
  }

  /* Give what has no id one that says what it is, so that links can lead to it. */
  function idOf(element, kind, text) {
    const start = `${kind}-${fileName(text)}`;
    for (let id = start, next = 2; !element.id; id = `${start}-${next++}`) {
      if (!document.getElementById(id)) element.id = id;
    }
    return element.id;
  }

  /* ---- the small menu of a table or a figure; a popover is never cut off ---- */

  function menu(label, items) {
    const list = make("div", { class: "items", popover: "" });
    const opener = button("⋯", () => {}, { class: "menu", "aria-label": label, title: label });
    opener.popoverTargetElement = list;
    for (const [text, act] of items) {
      list.append(button(text, () => { list.hidePopover(); opener.focus(); act(opener); }));
    }
    const place = () => {
      const at = opener.getBoundingClientRect();
      const low = at.bottom > innerHeight * 0.6;
      list.style.right = `${Math.max(document.documentElement.clientWidth - at.right, 8)}px`;
      list.style.top = low ? "auto" : `${at.bottom + 4}px`;
      list.style.bottom = low ? `${innerHeight - at.top + 4}px` : "auto";
    };
    list.addEventListener("beforetoggle", ({ newState }) => {
      place();
      const change = newState === "open" ? addEventListener : removeEventListener;
      change("scroll", place, { capture: true, passive: true });
    });
    list.addEventListener("focusout", ({ relatedTarget: next }) => {
      if (next && next !== opener && !list.contains(next)) list.hidePopover();
    });
    return [opener, list];
  }

  /* ---- tables as text ---- */

  function cellText(cell) {
    if (!cell.firstElementChild) return oneLine(cell.textContent);
    const bare = cell.cloneNode(true);
    const notes = all(".note", bare).map((note) => (note.remove(), oneLine(note.textContent)));
    all(".mark", bare).forEach((mark) => mark.remove());
    const text = oneLine(bare.textContent);
    if (cell.scope === "col" && notes.length) return `${text} (${notes.join(" ")})`;
    return [text, ...notes].filter(Boolean).join(" ");
  }

  /* A phone shows no head, but what is copied has one. */
  const isShown = (row) => row.closest("thead") || getComputedStyle(row).display !== "none";
  const shownRows = (table) =>
    all("tr", table).filter(isShown).map((row) => [...row.cells].map(cellText));
  const isNumber = (head) => head.classList.contains("number");

  /* A spreadsheet takes what begins like this for a formula, unless it is a number and its unit. */
  const FORMULA = /^'*(?:[=@＝＋－＠]|[+-](?!\d*\.?\d+(?:e[+-]?\d+)?(?: ?[\p{L}%]+)?$))/iu;

  function asCsv(rows) {
    const quoted = (text) => {
      const plain = text.replace(/\u2212(?=[\d.])/g, "-");
      const safe = FORMULA.test(plain) ? `'${plain}` : plain;
      return /[",]/.test(safe) ? `"${safe.replace(/"/g, '""')}"` : safe;
    };
    return rows.map((cells) => cells.map(quoted).join(",") + "\r\n").join("");
  }

  function asMarkdown(rows, numbers) {
    const line = (cells) => `| ${cells.join(" | ")} |\n`;
    const plain = rows.map((cells) =>
      line(cells.map((text) => text.replace(/[\\`*_{}[\]<>#|~$&]/g, "\\$&"))));
    plain.splice(1, 0, line(numbers.map((right) => (right ? "---:" : "---"))));
    return plain.join("");
  }

  const TEX = {
    "\\": "\\textbackslash{}", "~": "\\textasciitilde{}", "^": "\\textasciicircum{}",
    "<": "\\textless{}", ">": "\\textgreater{}", "|": "\\textbar{}", "`": "\\textasciigrave{}",
    "[": "{[}", "*": "{*}", // after \\ they would belong to it
    "−": "$-$", "×": "$\\times$", "÷": "$\\div$", "±": "$\\pm$", "≤": "$\\leq$", "≥": "$\\geq$",
    "≈": "$\\approx$", "∞": "$\\infty$", "→": "$\\rightarrow$", "δ": "$\\delta$", "Δ": "$\\Delta$",
    "α": "$\\alpha$", "ρ": "$\\rho$", "σ": "$\\sigma$", "µ": "$\\mu$", "μ": "$\\mu$",
    "–": "--", "—": "---", "…": "\\ldots{}", "“": "``", "”": "''", "’": "'", "·": "$\\cdot$",
  };

  function asLatex(rows, numbers, caption) {
    // Two of - or ' would be drawn as one sign.
    const escaped = (text) => text.replace(/-(?=-)|'(?=')|[&%$#_{}]|[^\w\s'-]/gu, (sign) =>
      TEX[sign] ?? (/[-']/.test(sign) ? `${sign}{}` : /[&%$#_{}]/.test(sign) ? `\\${sign}` : sign));
    const line = (cells) => `    ${cells.map(escaped).join(" & ")} \\\\`;
    return [
      "% needs \\usepackage{booktabs}", "\\begin{table}", "  \\centering",
      `  \\caption{${escaped(caption)}}`,
      `  \\begin{tabular}{${numbers.map((right) => (right ? "r" : "l")).join("")}}`,
      "    \\toprule", line(rows[0]), "    \\midrule", ...rows.slice(1).map(line),
      "    \\bottomrule", "  \\end{tabular}", "\\end{table}", "",
    ].join("\n");
  }

  /* ---- tables: sort, filter, take away ---- */

  const POWERS = { n: -9, "µ": -6, "μ": -6, m: -3, k: 3, K: 3, M: 6, G: 9, T: 12 };
  const MONTHS = "JanFebMarAprMayJunJulAugSepOctNovDec";

  /* How many of the base unit a unit is: 1e-3 for "ms", 1024 for "KiB". */
  function factor(unit) {
    const [, prefix, binary] = /^([nµμmkKMGT]?)(i?)(?:s|B|FLOPs?|)$/.exec(unit) ?? [];
    if (unit === "min") return 60;
    if (unit === "h") return 3600;
    return prefix ? (binary ? 2 ** (POWERS[prefix] / 0.3) : 10 ** POWERS[prefix]) : 1;
  }

  /* A day, as "5 March 2026, 14:02 UTC", as milliseconds; NaN for anything else. */
  function day(text) {
    const found = /^(\d{1,2}) (\p{Lu}\p{Ll}{2})\p{Ll}* (\d{4})(?:, (\d\d):(\d\d))?/u.exec(text);
    const month = found ? MONTHS.indexOf(found[2]) / 3 : -1;
    return month < 0 ? NaN : Date.UTC(found[3], month, found[1], found[4] ?? 0, found[5] ?? 0);
  }

  /* The number that a text begins with, in one unit for all; NaN where there is none. */
  function amount(text) {
    const plain = text.replace(/\u2212/g, "-").replace(/(\d),(?=\d{3})/g, "$1");
    const parts = /^[[<>≤≥≈×~\s]*([+-]?(?:\d+\.?\d*|\.\d+)(?:e[+-]?\d+)?) ?([\p{L}%]*)(?: (\d+) (min|s)$)?/iu
      .exec(plain);
    return parts ? parts[1] * factor(parts[2]) + (parts[4] ? parts[3] * factor(parts[4]) : 0) : NaN;
  }

  const ALPHABET = new Intl.Collator("en", { numeric: true });

  /* What rows are sorted by: numbers, days or words; what has none of them comes last. */
  function sortKeys(cells, number) {
    const texts = cells.map(cellText);
    const days = texts.map(day);
    const isDay = days.some((each) => each > 0)
      && texts.every((text, at) => days[at] > 0 || !/[\p{L}\d]/u.test(text));
    if (isDay) return days;
    return number ? texts.map(amount) : texts.map((text) => (/[\p{L}\d]/u.test(text) ? text : NaN));
  }

  /* Let heads sort a table; return the choice that does it where no head is shown. */
  function sortable(table) {
    const heads = all("thead th", table);
    const choice = sortChoice(heads);
    const body = table.tBodies[0];
    const asMade = [...body.rows];

    /* Sort by a column, "ascending" or "descending", or put the rows as they were: "none". */
    function sort(column, way) {
      heads.forEach((head) => head.removeAttribute("aria-sort"));
      let rows = asMade;
      if (way !== "none") {
        heads[column].setAttribute("aria-sort", way);
        const keys = sortKeys(asMade.map((row) => row.cells[column]), isNumber(heads[column]));
        const turn = way === "ascending" ? 1 : -1;
        const [lacking, held] = [true, false].map((lacks) =>
          [...asMade.keys()].filter((at) => Number.isNaN(keys[at]) === lacks));
        held.sort((one, other) => turn * (typeof keys[one] === "string"
          ? ALPHABET.compare(keys[one], keys[other]) : keys[one] - keys[other]));
        const sums = (at) => cellText(asMade[at].cells[0]) === "mean"; // it stays below its rows
        rows = [...held, ...lacking].sort((one, other) => sums(one) - sums(other))
          .map((at) => asMade[at]);
      }
      body.remove(); // or each row that moves costs as much as all
      body.append(...rows);
      table.append(body);
      choice.value = way === "none" ? AS_MADE : `${column} ${way}`;
      stopAt(buttons[column]);
      say(way === "none" ? "Rows as they were." : `Sorted by ${cellText(heads[column])}, ${way}.`);
    }

    const buttons = heads.map((head, column) => {
      const content = [...head.childNodes];
      const next = { ascending: "descending", descending: "none" };
      head.append(button("", () => sort(column, next[head.getAttribute("aria-sort")] ?? "ascending"),
        { class: "sort", tabindex: column ? -1 : 0, title: "Sort; arrow keys lead to other columns" }));
      head.lastChild.append(...content);
      return head.lastChild;
    });
    // One stop of the Tab key for all heads; arrows lead from one to the next.
    const stopAt = (one) => buttons.forEach((each) => { each.tabIndex = each === one ? 0 : -1; });
    table.tHead.addEventListener("keydown", (event) => {
      const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
      const at = buttons.indexOf(event.target);
      if (!step || at < 0) return;
      const next = buttons[(at + step + buttons.length) % buttons.length];
      stopAt(next);
      next.focus();
      event.preventDefault();
    });
    choice.addEventListener("change", () => sort(...choice.value.split(" ")));
    return make("label", { class: "cards" }, "Sort ", choice);
  }

  const AS_MADE = "0 none";

  /* On a phone rows are cards, and no head is there to be pressed. */
  function sortChoice(heads) {
    const choice = make("select", {}, make("option", { value: AS_MADE }, "as they were"));
    heads.forEach((head, column) => {
      for (const way of ["ascending", "descending"]) {
        const text = `${cellText(head)}, ${way}`;
        choice.append(make("option", { value: `${column} ${way}` }, text));
      }
    });
    return choice;
  }

  const rowsOf = (table) => all("tbody tr:has([scope=row])", table);

  function filterField(table) {
    const rows = rowsOf(table);
    let words;
    const count = make("span", { class: "count", role: "status" });
    const filter = ({ target }) => {
      words ??= rows.map((row) => [...row.cells].map(cellText).join(" ").toLowerCase());
      const wanted = target.value.toLowerCase().split(/\s+/).filter(Boolean);
      rows.forEach((row, at) => { row.hidden = !wanted.every((word) => words[at].includes(word)); });
      const shown = rows.filter((row) => !row.hidden).length;
      count.textContent = wanted.length ? `${shown} of ${rows.length} rows` : "";
    };
    const field = make("input", { type: "search", placeholder: "words, in any order", input: filter });
    return [make("label", {}, "Filter ", field), count];
  }

  const FEW = 2; // rows that need no sorting
  const MANY = 12; // rows that one filters

  function tableTools(table) {
    const region = table.closest(".scroll");
    if (!region || !table.caption || !table.tHead) return;
    const caption = oneLine(table.caption.textContent);
    const title = caption.split(/[.:;](?:\s|$)/)[0].slice(0, 70);
    const rows = rowsOf(table).length;
    const grouped = table.tBodies.length > 1 || table.querySelector("tbody [scope=rowgroup]");
    const choices = make("div", { class: "choices" });
    if (rows > MANY) choices.append(...filterField(table));
    if (rows > FEW && !grouped) { // groups stay together
      const choice = sortable(table);
      if (table.classList.contains("stack")) choices.append(choice);
    }
    const csv = () => asCsv(shownRows(table));
    const numbers = all("thead th", table).map(isNumber);
    const id = idOf(region, "table", title);
    choices.append(...menu(`Take away the table: ${title}`, [
      ["Copy as CSV", () => copy(csv(), "Table")],
      ["Copy as Markdown", () => copy(asMarkdown(shownRows(table), numbers), "Table")],
      ["Copy as LaTeX", () => copy(asLatex(shownRows(table), numbers, title), "Table")],
      ["Save as CSV", () =>
        save(`${fileName(title)}.csv`, new Blob(["\ufeff", csv()], { type: "text/csv" }))],
      ["Copy link", () => copyLink(id)],
    ]));
    region.prepend(choices);
  }

  /* Only what can be scrolled is a stop of the Tab key. */
  const watch = new ResizeObserver((changes) => changes.forEach(({ target }) => {
    const wide = target.scrollWidth > target.clientWidth;
    const label = target.querySelector("svg")?.getAttribute("aria-label")
      ?? target.querySelector("caption")?.textContent.slice(0, 80) ?? "Figure";
    for (const [name, value] of Object.entries({ tabindex: 0, role: "region", "aria-label": label })) {
      if (wide) target.setAttribute(name, value);
      else target.removeAttribute(name);
    }
  }));

  /* ---- figures: values, enlarge, take away ---- */

  let pointed = null;
  function point(mark) {
    if (mark === pointed) return;
    pointed?.classList.remove("at");
    pointed = mark;
    tip.classList.toggle("shown", Boolean(mark));
    if (!mark) return;
    mark.classList.add("at");
    tip.textContent = mark.dataset.says;
    placeTip();
  }

  /* Beside its mark, also where that moves: a page goes on scrolling after a key or a touch. */
  function placeTip() {
    if (!pointed) return;
    const at = pointed.getBoundingClientRect();
    const widest = document.documentElement.clientWidth - tip.offsetWidth - 8;
    const left = Math.max(Math.min(at.x + at.width / 2 - tip.offsetWidth / 2, widest), 8);
    const above = at.y - tip.offsetHeight - 6;
    tip.style.left = `${left}px`;
    tip.style.top = `${above > 4 ? above : at.bottom + 6}px`;
  }

  /* Say what keys do on a figure; over the dialog no menu is seen. */
  function describe(svg) {
    if (svg.getAttribute("role") !== "application") return; // it tells no values
    const opens = svg.closest("dialog") ? "" : ", Enter opens its menu";
    svg.setAttribute("aria-roledescription", `figure, arrow keys tell its values${opens}`);
  }

  let taught = false;

  function tellValues(svg, opener) {
    const marks = all(".hints circle", svg);
    if (!marks.length) return;
    for (const mark of marks) {
      const title = mark.querySelector("title");
      mark.dataset.says = title.textContent;
      title.remove(); // the tip comes at once, and by keys and touch, too
    }
    const nearest = (event) => {
      const scale = svg.getScreenCTM();
      const at = new DOMPoint(event.clientX, event.clientY).matrixTransform(scale.inverse());
      let [best, reach] = [null, Math.max(12, 14 / scale.a)];
      for (const mark of marks) {
        const away = Math.hypot(mark.cx.baseVal.value - at.x, mark.cy.baseVal.value - at.y);
        if (away < reach) [best, reach] = [mark, away];
      }
      return best;
    };
    for (const kind of ["pointermove", "pointerdown"]) {
      svg.addEventListener(kind, (event) => point(nearest(event)));
    }
    // A finger that is lifted leaves, too, and has yet to read.
    svg.addEventListener("pointerleave", (event) => event.pointerType !== "touch" && point(null));
    svg.addEventListener("blur", () => point(null));
    svg.setAttribute("tabindex", 0);
    svg.setAttribute("role", "application"); // or screen readers keep the arrow keys
    describe(svg);
    opener.setAttribute("tabindex", -1); // a figure and its menu are one stop of the Tab key
    svg.addEventListener("focus", () => {
      if (taught || !svg.matches(":focus-visible")) return;
      taught = true;
      say(`Arrow keys tell values${svg.closest("dialog") ? "" : ", Enter opens the menu"}.`);
    });
    svg.addEventListener("keydown", (event) => {
      if (event.key === "Enter" && !svg.closest("dialog")) { // over the dialog no menu is seen
        opener.focus();
        opener.click();
        return event.preventDefault();
      }
      const last = marks.length - 1;
      const at = marks.indexOf(pointed);
      const [back, on] = [at > 0 ? at - 1 : last, at < last ? at + 1 : 0];
      const next = { ArrowRight: on, ArrowDown: on, ArrowLeft: back, ArrowUp: back, Home: 0, End: last };
      if (!(event.key in next)) return;
      point(marks[next[event.key]]);
      told.textContent = pointed.dataset.says;
      event.preventDefault();
    });
  }

  addEventListener("keydown", (event) => {
    if (event.key !== "Escape" || !pointed) return;
    point(null);
    event.preventDefault(); // an enlarged figure stays open
  }, true);
  addEventListener("scroll", placeTip, { capture: true, passive: true });
  addEventListener("pointerdown", (event) => event.target.closest("svg") ?? point(null), true);

  const drawing = (tag, attributes, ...children) => {
    const element = document.createElementNS("http://www.w3.org/2000/svg", tag);
    for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
    element.append(...children);
    return element;
  };

  /* The figure as it was drawn: light, on white, and without what only a page needs. */
  function alone(svg) {
    const bare = svg.cloneNode(true);
    all(".hints", bare).forEach((part) => part.remove());
    ["tabindex", "aria-roledescription"].forEach((name) => bare.removeAttribute(name));
    bare.setAttribute("role", "img");
    bare.prepend(drawing("title", {}, svg.getAttribute("aria-label")),
      drawing("rect", { width: "100%", height: "100%", fill: "#ffffff" }));
    return new XMLSerializer().serializeToString(bare);
  }

  function savePng(svg, name) {
    const { width, height } = svg.viewBox.baseVal;
    const image = new Image();
    image.onload = () => {
      const canvas = make("canvas", { width: Math.round(width * 4), height: Math.round(height * 4) });
      canvas.getContext("2d").drawImage(image, 0, 0, canvas.width, canvas.height);
      canvas.toBlob((blob) => save(`${name}.png`, blob));
    };
    image.onerror = () => say("This browser cannot make a picture of the figure.");
    image.src = `data:image/svg+xml;charset=utf-8,${encodeURIComponent(alone(svg))}`;
  }

  const large = make("dialog", { class: "large", "aria-label": "Figure, enlarged" });
  large.addEventListener("click", (event) => { if (event.target === large) large.close(); });

  function enlarge(svg, caption, opener) {
    const home = svg.parentNode;
    home.style.minHeight = `${home.offsetHeight}px`; // what is below stays where it is
    const close = button("Close", () => large.close(), { class: "close" });
    const sheet = make("div", { class: "sheet" }, svg); // it scrolls, not what is beside it
    for (const side of ["width", "height"]) {
      sheet.style.setProperty(`--${side}`, svg.viewBox.baseVal[side]);
    }
    watch.observe(sheet);
    // What lies outside an open dialog is neither seen over it nor read out.
    large.replaceChildren(make("div", {}, close, sheet, make("p", {}, caption)), said, told, tip);
    describe(svg);
    large.onclose = () => {
      point(null);
      watch.unobserve(sheet);
      home.prepend(svg);
      describe(svg);
      home.style.minHeight = "";
      document.body.append(said, told, tip);
      opener.focus();
    };
    large.showModal();
  }

  function figureTools(figure) {
    const svg = figure.querySelector("svg");
    const title = svg.querySelector("title");
    const text = oneLine(title.textContent);
    // As a label it is read out, but does not lie over the figure when one points at it.
    svg.setAttribute("aria-label", text);
    svg.removeAttribute("aria-labelledby");
    title.remove();
    const name = fileName(text);
    const caption = figure.querySelector("figcaption").textContent;
    const id = figure.closest(".drawn[id]")?.id ?? idOf(figure, "figure", text);
    const [opener, list] = menu(`Take away the figure: ${text}`, [
      ["Enlarge", (opener) => enlarge(svg, caption, opener)],
      ["Save as SVG", () => save(`${name}.svg`, new Blob([alone(svg)], { type: "image/svg+xml" }))],
      ["Save as PNG", () => savePng(svg, name)],
      ["Copy link", () => copyLink(id)],
    ]);
    svg.parentNode.after(opener, list);
    tellValues(svg, opener);
  }

  /* ---- links to parts, and folds that a link leads into ---- */

  function linkTools(heading) {
    const id = heading.id || heading.closest("section, article, aside")?.id;
    if (!id) return;
    const text = oneLine(heading.textContent);
    heading.setAttribute("aria-label", text); // the button is no part of its name
    const attributes = { class: "link", title: "Copy link", "aria-label": `Copy link to ${text}` };
    // Where the contents link to it, one gets there by keyboard, and to its address.
    if (document.querySelector(`nav a[href="#${CSS.escape(id)}"]`)) attributes.tabindex = -1;
    heading.append(button("#", () => copyLink(id), attributes));
  }

  /* Open the folds around what the address names; scroll to it where one was closed. */
  function unfold() {
    let id = location.hash.slice(1);
    try { id = decodeURIComponent(id); } catch { /* a stray % is one */ }
    const target = document.getElementById(id);
    let closed = false;
    for (let fold = target?.closest("details"); fold; fold = fold.parentElement.closest("details")) {
      closed ||= !fold.open;
      fold.open = true;
    }
    // To what was not hidden the browser has led already, or back to where one was reading.
    if (closed) target.scrollIntoView();
  }

  document.body.append(said, told, tip, large);
  all("main table, header table").forEach(tableTools);
  all("figure:has(svg)").forEach(figureTools);
  all("main h2, article.claim h3").forEach(linkTools);
  all(".scroll, .canvas").forEach((part) => watch.observe(part));
  document.documentElement.classList.add("alive");
  addEventListener("hashchange", unfold);
  // The same link, pressed once more after its fold was closed, changes no hash.
  addEventListener("click", (event) => {
    const aside = event.ctrlKey || event.metaKey || event.shiftKey || event.altKey;
    if (!aside && event.target.closest('a[href^="#"]')) setTimeout(unfold);
  });
  if (location.hash) unfold();
})();
