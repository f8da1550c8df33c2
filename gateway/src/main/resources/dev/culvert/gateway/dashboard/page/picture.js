// The network as a picture: clients at the left, the gateway, agents with their LANs at the right; lines as wide as what they carry.

import { count, rate, say, set, svg } from "./words.js";

const MOST = 9; // of a side; the others are one box
const BOX = 44;
const GAP = 12;
const PICK_AGAIN = 5; // ticks: boxes do not change places each second

export class Picture {
  /** @param choose is called with a kind and a name that somebody chose */
  constructor(choose) {
    this.choose = choose;
    this.title = svg("title", { id: "picture-title" });
    this.lines = svg("g", { class: "lines", "aria-hidden": "true" });
    this.boxes = svg("g", {});
    this.element = svg("svg", { class: "picture", role: "group", "aria-labelledby": "picture-title" }, this.title, this.lines, this.boxes);
    this.nodes = new Map();
    this.ticks = 0;
    this.picked = { clients: [], agents: [] };
    new ResizeObserver(() => this.draw()).observe(this.element);
  }

  /** @param sides clients and agents, each a list of name, up, down, flows, below (a line of text) and tone */
  show(sides, gateway) {
    this.sides = sides;
    this.gateway = gateway;
    for (const side of ["clients", "agents"]) {
      const names = new Set(sides[side].map((one) => one.name));
      if (this.ticks % PICK_AGAIN === 0 || this.picked[side].some((name) => !names.has(name)) || this.picked[side].length < Math.min(MOST, names.size)) {
        const all = sides[side];
        const most = all.length <= MOST + 1 ? all.length : MOST;
        this.picked[side] = [...all]
          .sort((a, b) => b.busy - a.busy || (a.name < b.name ? -1 : 1))
          .slice(0, most)
          .map((one) => one.name)
          .sort();
      }
    }
    this.ticks++;
    this.draw();
  }

  side(side) {
    const picked = new Set(this.picked[side]);
    const shown = this.sides[side].filter((one) => picked.has(one.name)).sort((a, b) => (a.name < b.name ? -1 : 1));
    const rest = this.sides[side].filter((one) => !picked.has(one.name));
    if (rest.length > 0) {
      const sum = (of) => rest.reduce((all, one) => all + of(one), 0);
      shown.push({ name: null, label: `${count(rest.length)} others`, up: sum((o) => o.up), down: sum((o) => o.down), flows: sum((o) => o.flows), below: `${count(sum((o) => o.flows))} flows` });
    }
    return shown;
  }

  draw() {
    const width = this.element.clientWidth;
    if (!this.sides || width === 0) {
      return;
    }
    const left = this.side("clients");
    const right = this.side("agents");
    const rows = Math.max(left.length, right.length, 2);
    const height = rows * (BOX + GAP) + GAP;
    set(this.element, "viewBox", `0 0 ${width} ${height}`);
    set(this.element, "height", height);
    say(this.title, `${count(this.sides.clients.length)} clients and ${count(this.sides.agents.length)} agents at this gateway`);
    const box = Math.min(250, Math.max(96, width * 0.31));
    const hub = Math.min(170, Math.max(72, width * 0.16));
    const used = new Set();
    const middle = (width - hub) / 2;
    const centre = height / 2;
    const place = (list, side, x) => {
      const top = (height - (list.length * (BOX + GAP) - GAP)) / 2;
      list.forEach((one, i) => {
        const y = top + i * (BOX + GAP);
        const key = `${side} ${one.name ?? ""}`;
        used.add(key);
        this.box(key, side, one, x, y, box);
        const far = side === "clients";
        this.line(key, far ? x + box : x, y + BOX / 2, far ? middle : middle + hub, centre + (i - (list.length - 1) / 2) * Math.min(6, 40 / list.length), one);
      });
    };
    place(left, "clients", 1);
    place(right, "agents", width - box - 1);
    used.add("hub");
    this.hub(middle, centre, hub);
    for (const [key, node] of this.nodes) {
      if (!used.has(key)) {
        node.group.remove();
        node.line?.remove();
        this.nodes.delete(key);
      }
    }
  }

  node(key, make) {
    let node = this.nodes.get(key);
    if (!node) {
      node = make();
      this.nodes.set(key, node);
    }
    return node;
  }

  box(key, side, one, x, y, width) {
    const node = this.node(key, () => {
      const rect = svg("rect", { rx: 8, height: BOX });
      const name = svg("text", { class: "name", x: 12, y: 18 });
      const below = svg("text", { class: "below", x: 12, y: 34 });
      const group = svg("g", { class: `box ${side}` }, rect, name, below);
      if (one.name !== null) {
        set(group, "tabindex", "0");
        set(group, "role", "button");
        const go = () => this.choose(side, one.name);
        group.addEventListener("click", go);
        group.addEventListener("keydown", (e) => {
          if (e.key === "Enter" || e.key === " ") {
            e.preventDefault();
            go();
          }
        });
      }
      this.boxes.append(group);
      return { group, rect, name, below };
    });
    set(node.group, "transform", `translate(${Math.round(x)} ${Math.round(y)})`);
    set(node.rect, "width", Math.round(width));
    const chars = Math.floor((width - 22) / 7.2);
    say(node.name, cut(one.label ?? one.name, chars));
    const carries = one.up + one.down >= 1 ? `${rate(one.up + one.down)}` : "";
    const below = [carries, one.below].filter(Boolean).join(" · ");
    say(node.below, cut(below, Math.floor((width - 22) / 6.1)));
    set(node.group, "aria-label", `${side === "clients" ? "Client" : "Agent"} ${one.label ?? one.name}: ${count(one.flows)} flows, ${rate(one.up)} up, ${rate(one.down)} down${one.below ? `, ${one.below}` : ""}. Shows its flows.`);
    set(node.group, "data-tone", one.tone ?? "");
  }

  line(key, x1, y1, x2, y2, one) {
    const node = this.nodes.get(key);
    if (!node.line) {
      node.line = svg("path", { fill: "none" });
      this.lines.append(node.line);
    }
    const bend = (x2 - x1) / 2;
    set(node.line, "d", `M${x1.toFixed(1)} ${y1.toFixed(1)} C${(x1 + bend).toFixed(1)} ${y1.toFixed(1)} ${(x2 - bend).toFixed(1)} ${y2.toFixed(1)} ${x2.toFixed(1)} ${y2.toFixed(1)}`);
    const carried = one.up + one.down;
    // 1 kbit/s is hardly more than a hair, each tenfold 1.4 pixels more
    const width = carried < 125 ? 1 : Math.min(11, 1.5 + 1.4 * Math.log10(carried / 125));
    set(node.line, "stroke-width", width.toFixed(1));
    set(node.line, "class", carried < 125 ? "still" : "moving");
  }

  hub(x, y, width) {
    const node = this.node("hub", () => {
      const rect = svg("rect", { rx: 10, height: 64 });
      const name = svg("text", { class: "name", y: 28, "text-anchor": "middle" });
      const below = svg("text", { class: "below", y: 46, "text-anchor": "middle" });
      const group = svg("g", { class: "hub" }, rect, name, below);
      this.boxes.append(group);
      return { group, rect, name, below };
    });
    set(node.group, "transform", `translate(${Math.round(x)} ${Math.round(y - 32)})`);
    set(node.rect, "width", Math.round(width));
    set(node.name, "x", Math.round(width / 2));
    set(node.below, "x", Math.round(width / 2));
    say(node.name, "Gateway");
    say(node.below, cut(this.gateway, Math.floor((width - 10) / 6.1)));
  }
}

function cut(text, most) {
  return text.length <= most ? text : `${text.slice(0, Math.max(1, most - 1))}…`;
}
