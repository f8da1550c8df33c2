// A table of which only the rows that can be seen are in the page, however many there are; with search and order.

import { count, el, say, set } from "./words.js";

const ROW = 34; // pixels; style.css has it too
const BEYOND = 6; // rows above and below what is seen
const MOST_SHOWN = 12; // rows, before it scrolls
const SMALL = window.matchMedia("(max-width: 760px)");

/**
 * A column: its title; the text of a row; what it is ordered by (the text, unless said); whether it is a number; its width as a track of
 * a grid; whether small screens have it; what makes a cell's content, when that is more than text.
 */
export class Table {
  /**
   * @param title of the section
   * @param columns of it
   * @param options order: column and direction at first; empty: what is said when there is no row; most: rows before it scrolls;
   *     note: says something behind the count
   */
  constructor(title, columns, options = {}) {
    this.title = title;
    this.all = columns;
    this.options = options;
    this.rows = [];
    this.shown = [];
    this.by = options.order ?? 0;
    this.down = options.down ?? false;
    this.words = [];
    this.pool = [];
    this.most = options.most ?? MOST_SHOWN;

    this.search = el("input", {
      type: "search",
      placeholder: "Search",
      "aria-label": `Search in ${title.toLowerCase()}`,
      spellcheck: "false",
      autocomplete: "off",
      oninput: () => {
        this.words = this.search.value.toLowerCase().split(/\s+/).filter(Boolean);
        this.arrange();
      },
    });
    this.tally = el("p", { class: "tally", role: "status" });
    this.head = el("div", { role: "row", class: "row head", "aria-rowindex": "1" });
    this.body = el("div", { role: "rowgroup", class: "rows" });
    this.none = el("p", { class: "none" }, options.empty ?? "None.");
    this.scroll = el("div", { class: "scroll", tabindex: "0", "aria-label": `${title}, rows`, role: "group" });
    this.grid = el("div", { role: "table", "aria-label": title, class: "table" }, el("div", { role: "rowgroup" }, this.head), this.body);
    this.scroll.append(this.grid);
    this.scroll.addEventListener("scroll", () => this.soon(), { passive: true });
    this.element = el("div", { class: "tabled" }, el("div", { class: "tools" }, this.search, this.tally), this.scroll, this.none);
    this.seen = true;
    new IntersectionObserver((seen) => {
      this.seen = seen[seen.length - 1].isIntersecting;
      if (this.seen && this.late) {
        this.arrange();
      }
    }).observe(this.element);
    SMALL.addEventListener("change", () => this.columnsAgain());
    this.columnsAgain();
  }

  columnsAgain() {
    this.columns = SMALL.matches ? this.all.filter((c) => c.small) : this.all;
    this.grid.style.setProperty("--tracks", this.columns.map((c) => c.width ?? "minmax(0,1fr)").join(" "));
    this.body.replaceChildren();
    this.pool = [];
    this.head.replaceChildren(
      ...this.columns.map((column) => {
        const i = this.all.indexOf(column);
        const cell = el("div", { role: "columnheader", class: column.number ? "number" : null });
        if (column.title) {
          cell.append(el("button", { type: "button", onclick: () => this.order(i) }, column.title));
        } else {
          cell.append(el("span", { class: "unseen" }, column.about ?? "Actions"));
        }
        return cell;
      }),
    );
    this.arrows();
    this.arrange();
  }

  arrows() {
    [...this.head.children].forEach((cell, i) => {
      const on = this.all.indexOf(this.columns[i]) === this.by;
      set(cell, "aria-sort", on ? (this.down ? "descending" : "ascending") : "none");
    });
  }

  order(i) {
    if (this.by === i) {
      this.down = !this.down;
    } else {
      this.by = i;
      this.down = Boolean(this.all[i].number);
    }
    this.arrows();
    this.arrange();
  }

  /** These are its rows from now on; as long as nobody sees the table, what is new in them may wait. */
  show(rows) {
    const more = rows.length !== this.rows.length;
    this.rows = rows;
    if (this.seen || more) {
      this.arrange();
    } else {
      this.late = true;
    }
  }

  /** Search for something, as if it had been typed. */
  find(text) {
    this.search.value = text;
    this.words = text.toLowerCase().split(/\s+/).filter(Boolean);
    this.arrange();
  }

  text(row) {
    let text = row.searched;
    if (text === undefined) {
      text = this.all.map((c) => (c.number ? "" : c.text(row))).join(" ").toLowerCase();
      row.searched = text; // a row that changes is another object
    }
    return text;
  }

  arrange() {
    this.late = false;
    const column = this.all[this.by];
    const by = column.by ?? column.text;
    let rows = this.rows;
    if (this.words.length > 0) {
      rows = rows.filter((row) => {
        const text = this.text(row);
        return this.words.every((word) => text.includes(word));
      });
    }
    const keyed = rows.map((row) => [by(row), row]);
    const way = this.down ? -1 : 1;
    keyed.sort((a, b) => (a[0] < b[0] ? -way : a[0] > b[0] ? way : a[1].key < b[1].key ? -1 : 1));
    this.shown = keyed.map((k) => k[1]);
    const all = this.rows.length;
    const note = this.options.note?.() ?? "";
    say(this.tally, (this.shown.length === all ? `${count(all)}` : `${count(this.shown.length)} of ${count(all)}`) + note);
    this.none.hidden = this.shown.length > 0;
    say(this.none, all > 0 ? "Nothing that is searched for." : (this.options.empty ?? "None."));
    this.grid.hidden = this.shown.length === 0;
    set(this.grid, "aria-rowcount", this.shown.length + 1);
    this.scroll.style.height = this.shown.length === 0 ? "0" : `${(Math.min(this.shown.length, this.most) + 1) * ROW + 2}px`;
    this.body.style.height = `${this.shown.length * ROW}px`;
    this.draw();
  }

  soon() {
    if (!this.drawing) {
      this.drawing = requestAnimationFrame(() => {
        this.drawing = 0;
        this.draw();
      });
    }
  }

  draw() {
    const top = Math.max(0, Math.floor(this.scroll.scrollTop / ROW) - BEYOND);
    const end = Math.min(this.shown.length, top + this.most + 2 * BEYOND);
    const n = Math.max(0, end - top);
    while (this.pool.length < n) {
      const cells = this.columns.map((c) => el("div", { role: "cell", class: c.number ? "number" : null }));
      const row = el("div", { role: "row", class: "row" }, ...cells);
      this.pool.push({ row, cells, of: null });
      this.body.append(row);
    }
    for (let i = 0; i < this.pool.length; i++) {
      const place = this.pool[i];
      place.row.hidden = i >= n;
      if (i < n) {
        this.fill(place, this.shown[top + i], top + i);
      }
    }
  }

  fill(place, row, index) {
    place.row.style.transform = `translateY(${index * ROW}px)`;
    set(place.row, "aria-rowindex", index + 2);
    const same = place.key === row.key;
    place.key = row.key;
    this.columns.forEach((column, i) => {
      const cell = place.cells[i];
      if (column.content) {
        if (!same || place.of !== row) {
          cell.replaceChildren(...[column.content(row)].flat().filter(Boolean));
        }
      } else {
        const text = column.text(row);
        say(cell, text);
        if (!column.number && cell.title !== text) {
          cell.title = text;
        }
      }
      const tone = column.tone?.(row) ?? "";
      if ((cell.dataset.tone ?? "") !== tone) {
        cell.dataset.tone = tone;
      }
    });
    place.of = row;
  }
}
