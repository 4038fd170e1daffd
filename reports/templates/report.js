/* What a page can do beyond being read. Without it nothing is missing: tables, figures and links
   are all there. It asks nothing of a network and keeps nothing. */
"use strict";
(() => {
  const all = (selector, within = document) => [...within.querySelectorAll(selector)];

  /* Make an element: make("button", {type: "button"}, "text", child …). */
  function make(tag, attributes = {}, ...children) {
    const element = document.createElement(tag);
    for (const [name, value] of Object.entries(attributes)) {
      if (typeof value === "function") element.addEventListener(name, value);
      else if (value !== null) element.setAttribute(name, value);
    }
    element.append(...children);
    return element;
  }

  const squeezed = (text) => text.replace(/\u00ad/g, "").replace(/\s+/g, " ").trim();

  /* ---- saying what was done: to eyes and to screen readers alike ---- */

  const large = make("dialog", { class: "large", "aria-label": "Figure, enlarged" });
  const said = make("div", { class: "said", role: "status" });
  let silence = 0;
  function say(text) {
    (large.open ? large : document.body).append(said);
    said.textContent = text;
    said.classList.add("shown");
    clearTimeout(silence);
    silence = setTimeout(() => said.classList.remove("shown"), 2500);
  }

  /* For who cannot see what points at a value. */
  const whispered = make("div", { class: "offscreen", role: "status" });

  async function copy(text, what) {
    try {
      await navigator.clipboard.writeText(text);
    } catch {
      // A page from a folder may have no clipboard of the new kind.
      const field = make("textarea", { class: "offscreen", "aria-hidden": "true" });
      field.value = text;
      document.body.append(field);
      field.select();
      const done = document.execCommand("copy");
      field.remove();
      if (!done) return say("This browser does not let a page copy.");
    }
    say(`${what} copied.`);
  }

  function save(name, blob) {
    const link = make("a", { href: URL.createObjectURL(blob), download: name });
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 10000);
    say(`${name} saved.`);
  }

  const address = (id) => `${location.href.split("#")[0]}#${id}`;

  function fileName(text) {
    const plain = squeezed(text).toLowerCase().replace(/[^a-z0-9]+/g, "-").replace(/^-+/, "");
    return plain.slice(0, 48).replace(/-+$/, "") || "report";
  }

  /* ---- tables as text ---- */

  function cellText(cell) {
    const bare = cell.cloneNode(true);
    const notes = all(".note", bare).map((note) => (note.remove(), squeezed(note.textContent)));
    all(".mark", bare).forEach((mark) => mark.remove());
    const text = squeezed(bare.textContent);
    if (cell.tagName === "TH" && cell.scope === "col") {
      return notes.length ? `${text} (${notes.join(" ")})` : text;
    }
    return [text, ...notes].filter(Boolean).join(" ");
  }

  function grid(table) {
    const rows = all("tr", table).filter((each) => !each.hidden);
    return rows.map((each) => [...each.cells].map(cellText));
  }

  /* A spreadsheet takes what begins like this for a formula, unless it is a number. */
  const FORMULA = /^'*(?:[=@＝＋－＠\t\r\n]|[+-](?![\d.]))/;

  function asCsv(rows) {
    const quoted = (text) => {
      const safe = FORMULA.test(text) ? `'${text}` : text;
      return /[",\n]/.test(safe) ? `"${safe.replace(/"/g, '""')}"` : safe;
    };
    return rows.map((cells) => cells.map(quoted).join(",")).join("\r\n") + "\r\n";
  }

  function numeric(table) {
    return all("thead th", table).map((head) => head.classList.contains("number"));
  }

  function asMarkdown(rows, numbers) {
    const line = (cells) => `| ${cells.join(" | ")} |`;
    const escaped = rows.map((cells) =>
      cells.map((text) => text.replace(/([\\`*_|<>])/g, "\\$1")));
    const rule = numbers.map((right) => (right ? "---:" : "---"));
    return [line(escaped[0]), line(rule), ...escaped.slice(1).map(line)].join("\n") + "\n";
  }

  const TEX = {
    "\\": "\\textbackslash{}", "&": "\\&", "%": "\\%", $: "\\$", "#": "\\#", _: "\\_",
    "{": "\\{", "}": "\\}", "~": "\\textasciitilde{}", "^": "\\textasciicircum{}",
    "<": "\\textless{}", ">": "\\textgreater{}", "−": "$-$", "×": "$\\times$", "÷": "$\\div$",
    "±": "$\\pm$", "δ": "$\\delta$", "α": "$\\alpha$", "ρ": "$\\rho$", "≤": "$\\leq$",
    "≥": "$\\geq$", "≈": "$\\approx$", "→": "$\\rightarrow$", "µ": "\\textmu{}",
    "–": "--", "…": "\\ldots{}", "“": "``", "”": "''", "∞": "$\\infty$",
  };

  function asLatex(rows, numbers, caption) {
    const escaped = (text) =>
      text.replace(/[\\&%$#_{}~^<>−×÷±δαρ≤≥≈→µ–…“”∞]/g, (sign) => TEX[sign]);
    const line = (cells) => `    ${cells.map(escaped).join(" & ")} \\\\`;
    return [
      "% needs \\usepackage{booktabs}",
      "\\begin{table}", "  \\centering", `  \\caption{${escaped(caption)}}`,
      `  \\begin{tabular}{${numbers.map((right) => (right ? "r" : "l")).join("")}}`,
      "    \\toprule", line(rows[0]), "    \\midrule", ...rows.slice(1).map(line),
      "    \\bottomrule", "  \\end{tabular}", "\\end{table}", "",
    ].join("\n");
  }

  /* ---- the small menu of a table or a figure ---- */

  function menu(label, items) {
    const list = make("div", { class: "items" });
    const box = make("details", { class: "menu" },
      make("summary", { "aria-label": label, title: label }, "⋯"), list);
    for (const [text, act] of items) {
      list.append(make("button", {
        type: "button",
        click: () => { box.open = false; box.firstChild.focus(); act(); },
      }, text));
    }
    box.addEventListener("toggle", () => {
      if (!box.open) return;
      all("details.menu[open]").forEach((other) => { other.open = other === box; });
      place(box);
    });
    box.addEventListener("keydown", (event) => {
      if (event.key === "Escape" && box.open) {
        box.open = false;
        box.firstChild.focus();
        event.stopPropagation();
      }
    });
    return box;
  }

  /* Lay a menu's items out at a place of the window's: what scrolls sideways would cut them off. */
  function place(box) {
    const [button, list] = box.children;
    const at = button.getBoundingClientRect();
    const below = innerHeight - at.bottom > list.offsetHeight + 8;
    list.style.left = `${Math.max(at.right - list.offsetWidth, 8)}px`;
    list.style.top = `${below ? at.bottom + 4 : at.top - list.offsetHeight - 4}px`;
  }

  addEventListener("scroll", () => all("details.menu[open]").forEach(place),
    { capture: true, passive: true });
  document.addEventListener("click", (event) => all("details.menu[open]").forEach((box) => {
    if (!box.contains(event.target)) box.open = false;
  }));

  /* ---- tables: sort, filter, take away ---- */

  const FACTORS = {
    ns: 1e-9, "µs": 1e-6, μs: 1e-6, us: 1e-6, ms: 1e-3, s: 1, min: 60, h: 3600,
    B: 1, kB: 1e3, MB: 1e6, GB: 1e9, TB: 1e12, KiB: 2 ** 10, MiB: 2 ** 20, GiB: 2 ** 30,
    k: 1e3, M: 1e6, G: 1e9, T: 1e12, kFLOP: 1e3, MFLOP: 1e6, GFLOP: 1e9, TFLOP: 1e12,
  };
  const MONTHS = "January February March April May June July August September October November December".split(" ");

  /* The number that a cell begins with, in one unit for all; NaN where there is none. */
  function amount(cell) {
    const bare = cell.cloneNode(true);
    all(".note, .mark", bare).forEach((part) => part.remove());
    const text = squeezed(bare.textContent).replace(/\u2212/g, "-").replace(/(\d),(?=\d{3})/g, "$1");
    const date = /^(\d{1,2}) ([A-Z][a-z]+) (\d{4})(?:, (\d\d):(\d\d))?/.exec(text);
    if (date && MONTHS.includes(date[2])) {
      return Date.UTC(date[3], MONTHS.indexOf(date[2]), date[1], date[4] || 0, date[5] || 0);
    }
    const found = /^[<>≤≥×+]*\s*([+-]?\d+(?:\.\d+)?(?:e[+-]?\d+)?)\s*([^\s\d]*)/i.exec(text);
    return found ? Number(found[1]) * (FACTORS[found[2]] ?? 1) : NaN;
  }

  const ORDER = new Intl.Collator("en", { numeric: true, sensitivity: "base" });

  function compareCells(one, other, number) {
    if (number) {
      const [first, second] = [amount(one), amount(other)];
      if (Number.isNaN(first) || Number.isNaN(second)) {
        return { last: Number.isNaN(first) - Number.isNaN(second) };
      }
      return { order: first - second };
    }
    return { order: ORDER.compare(cellText(one), cellText(other)) };
  }

  function sortable(table) {
    const heads = all("thead th", table);
    const body = table.tBodies[0];
    const asMade = [...body.rows];

    /* Sort by a column, "ascending" or "descending", or put the rows as they were. */
    function sort(column, way) {
      heads.forEach((each) => each.removeAttribute("aria-sort"));
      const rows = [...asMade];
      if (way !== "none") {
        heads[column].setAttribute("aria-sort", way);
        const number = heads[column].classList.contains("number");
        const turn = way === "ascending" ? 1 : -1;
        rows.sort((one, other) => {
          const found = compareCells(one.cells[column], other.cells[column], number);
          // What has no number stays at the end, whichever way it is sorted.
          return found.last ?? turn * found.order;
        });
      }
      body.append(...rows);
      say(way === "none" ? "Rows as they were." : `Sorted by ${cellText(heads[column])}, ${way}.`);
    }

    const buttons = heads.map((head, column) => {
      const button = make("button", {
        type: "button", class: "sort", tabindex: column ? "-1" : "0",
        title: "Sort by this column",
        click: () => {
          const next = { ascending: "descending", descending: "none" };
          sort(column, next[head.getAttribute("aria-sort")] ?? "ascending");
        },
      });
      button.append(...head.childNodes);
      head.append(button);
      return button;
    });
    // One stop of the Tab key for all heads; arrows lead from one to the next.
    table.tHead.addEventListener("keydown", (event) => {
      const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
      const at = buttons.indexOf(event.target);
      if (!step || at < 0) return;
      const next = buttons[(at + step + buttons.length) % buttons.length];
      buttons.forEach((each) => each.setAttribute("tabindex", each === next ? "0" : "-1"));
      next.focus();
      event.preventDefault();
    });
    return sort;
  }

  /* On a phone rows are cards, and no head is there to be pressed. */
  function sortChoice(table, sort) {
    const choice = make("select", {}, make("option", { value: "" }, "as they were"));
    all("thead th", table).forEach((head, column) => {
      for (const [way, sign] of [["ascending", "▲"], ["descending", "▼"]]) {
        choice.append(make("option", { value: `${column} ${way}` }, `${cellText(head)} ${sign}`));
      }
    });
    choice.addEventListener("change", () => {
      const [column, way] = choice.value.split(" ");
      sort(Number(column), way ?? "none");
    });
    return make("label", { class: "cards" }, make("span", {}, "Sort "), choice);
  }

  function filterChoice(table) {
    const rows = [...table.tBodies[0].rows];
    const words = rows.map((each) => squeezed(each.textContent).toLowerCase());
    const count = make("span", { class: "count", role: "status" });
    const field = make("input", { type: "search", placeholder: "words in a row" });
    field.addEventListener("input", () => {
      const wanted = field.value.toLowerCase().split(/\s+/).filter(Boolean);
      let shown = 0;
      rows.forEach((each, at) => {
        each.hidden = !wanted.every((word) => words[at].includes(word));
        shown += !each.hidden;
      });
      count.textContent = wanted.length ? `${shown} of ${rows.length} rows` : "";
    });
    return [make("label", {}, make("span", {}, "Filter "), field), count];
  }

  const FEW = 2;
  const MANY = 12;

  function tableTools(table) {
    const region = table.closest(".scroll") ?? table;
    const caption = squeezed(table.caption?.textContent ?? "");
    const title = caption.split(/[.:;]/)[0].slice(0, 70) || "Table";
    const rows = table.tBodies[0]?.rows.length ?? 0;
    const choices = make("p", { class: "choices" });
    if (rows > MANY) choices.append(...filterChoice(table));
    if (table.tHead && rows > FEW) {
      const sort = sortable(table);
      if (table.classList.contains("stack")) choices.append(sortChoice(table, sort));
    }
    if (choices.children.length) region.before(choices);
    const id = region.id || table.id;
    const items = [
      ["Copy as CSV", () => copy(asCsv(grid(table)), "Table")],
      ["Copy as Markdown", () => copy(asMarkdown(grid(table), numeric(table)), "Table")],
      ["Copy as LaTeX", () => copy(asLatex(grid(table), numeric(table), title), "Table")],
      ["Save as CSV", () => save(`${fileName(title)}.csv`,
        new Blob(["\ufeff" + asCsv(grid(table))], { type: "text/csv" }))],
    ];
    if (id) items.push(["Copy link", () => copy(address(id), "Link")]);
    const box = menu(`Take this table away: ${title}`, items);
    (table.caption ?? region).prepend(box);
  }

  /* ---- figures: values, enlarge, take away ---- */

  const tip = make("div", { class: "tip", "aria-hidden": "true" });

  function showAt(mark, root) {
    all(".at", root).forEach((other) => other.classList.remove("at"));
    if (!mark) { tip.classList.remove("shown"); return; }
    mark.classList.add("at");
    tip.textContent = mark.dataset.says;
    (root.closest("dialog") ?? document.body).append(tip);
    const place = mark.getBoundingClientRect();
    tip.classList.add("shown");
    const own = tip.getBoundingClientRect();
    const across = Math.min(Math.max(place.x + place.width / 2 - own.width / 2, 8),
      document.documentElement.clientWidth - own.width - 8);
    const above = place.y - own.height - 6;
    tip.style.left = `${across}px`;
    tip.style.top = `${above > 4 ? above : place.bottom + 6}px`;
  }

  function tellValues(svg) {
    const marks = all(".hints circle", svg);
    if (!marks.length) return;
    for (const mark of marks) {
      const title = mark.querySelector("title");
      mark.dataset.says = title.textContent;
      title.remove(); // ours comes at once, and by keyboard, too
    }
    let at = -1;
    const nearest = (event) => {
      const scale = svg.getBoundingClientRect().width / svg.viewBox.baseVal.width;
      let best = null;
      let reach = Math.max(14 * scale, 12);
      for (const mark of marks) {
        const box = mark.getBoundingClientRect();
        const away = Math.hypot(box.x + box.width / 2 - event.clientX,
          box.y + box.height / 2 - event.clientY);
        if (away < reach) [best, reach] = [mark, away];
      }
      return best;
    };
    svg.addEventListener("pointermove", (event) => showAt(nearest(event), svg));
    svg.addEventListener("pointerdown", (event) => showAt(nearest(event), svg));
    svg.addEventListener("pointerleave", () => showAt(null, svg));
    svg.setAttribute("tabindex", "0");
    svg.setAttribute("role", "application");
    svg.setAttribute("aria-roledescription", "figure; arrow keys tell its values");
    svg.addEventListener("keydown", (event) => {
      const step = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1 }[event.key];
      if (event.key === "Escape" && at >= 0) {
        at = -1;
        showAt(null, svg);
        event.stopPropagation();
        event.preventDefault();
        return;
      }
      const end = { Home: 0, End: marks.length - 1 }[event.key];
      if (step === undefined && end === undefined) return;
      at = end ?? (at < 0 ? (step > 0 ? 0 : marks.length - 1)
        : (at + step + marks.length) % marks.length);
      showAt(marks[at], svg);
      whispered.textContent = marks[at].dataset.says;
      event.preventDefault();
    });
    svg.addEventListener("blur", () => { at = -1; showAt(null, svg); });
  }

  /* The figure alone, as it was drawn: light, and without what only a page needs. */
  function alone(svg) {
    const bare = svg.cloneNode(true);
    all(".hints", bare).forEach((part) => part.remove());
    for (const name of ["tabindex", "aria-roledescription", "style", "class"]) {
      bare.removeAttribute(name);
    }
    bare.setAttribute("role", "img");
    return new XMLSerializer().serializeToString(bare);
  }

  function savePng(svg, name) {
    const { width, height } = svg.viewBox.baseVal;
    const image = new Image();
    image.onload = () => {
      const canvas = make("canvas", { width: Math.round(width * 4), height: Math.round(height * 4) });
      const brush = canvas.getContext("2d");
      brush.fillStyle = "#ffffff";
      brush.fillRect(0, 0, canvas.width, canvas.height);
      brush.drawImage(image, 0, 0, canvas.width, canvas.height);
      canvas.toBlob((blob) => save(`${name}.png`, blob), "image/png");
    };
    image.onerror = () => say("This browser cannot make a picture of the figure.");
    image.src = `data:image/svg+xml;charset=utf-8,${encodeURIComponent(alone(svg))}`;
  }

  function enlarge(svg) {
    const home = svg.parentNode;
    const close = make("button", { type: "button", class: "close", click: () => large.close() },
      "Close");
    const caption = home.parentNode.querySelector("figcaption");
    large.replaceChildren(close, svg, make("p", {}, caption ? caption.textContent : ""));
    large.onclose = () => { home.prepend(svg); all("summary", home)[0]?.focus(); };
    large.onclick = (event) => { if (event.target === large) large.close(); };
    large.showModal();
  }

  function figureTools(figure) {
    const svg = figure.querySelector("svg");
    if (!svg) return;
    const title = svg.querySelector(":scope > title");
    const text = title.textContent;
    // As a label it is read out, but does not lie over the figure when one points at it.
    svg.setAttribute("aria-label", text);
    svg.removeAttribute("aria-labelledby");
    title.remove();
    const name = fileName(text);
    const items = [
      ["Enlarge", () => enlarge(svg)],
      ["Save as SVG", () => save(`${name}.svg`, new Blob([alone(svg)], { type: "image/svg+xml" }))],
      ["Save as PNG", () => savePng(svg, name)],
    ];
    if (figure.id) items.push(["Copy link", () => copy(address(figure.id), "Link")]);
    svg.parentNode.append(menu(`Take this figure away: ${text}`, items));
    tellValues(svg);
  }

  /* ---- links to parts, and folds that a link leads into ---- */

  function linkTools(heading) {
    const id = heading.id || heading.closest("[id]")?.id;
    if (!id || heading.closest("nav, dialog")) return;
    heading.append(make("button", {
      type: "button", class: "link", title: "Copy link",
      "aria-label": `Copy link to ${squeezed(heading.textContent)}`,
      click: () => copy(address(id), "Link"),
    }, "#"));
  }

  function unfold() {
    const target = document.getElementById(decodeURIComponent(location.hash.slice(1)));
    for (let fold = target?.closest("details"); fold; fold = fold.parentElement.closest("details")) {
      fold.open = true;
    }
    target?.scrollIntoView();
  }

  all("main table, header table").forEach(tableTools);
  all("figure").forEach(figureTools);
  all("main h2, article.claim h3").forEach(linkTools);
  document.body.append(said, whispered, large, tip);
  document.documentElement.classList.add("alive");
  addEventListener("hashchange", unfold);
  if (location.hash) unfold();
})();
