// Signs in, follows the gateway's stream of events, and shows what it says.

import { Picture } from "./picture.js";
import { Table } from "./table.js";
import { bytes, count, el, endpoint, moment, rate, say, span } from "./words.js";

const $ = (id) => document.getElementById(id);
const RETRY = 3000; // milliseconds

let session = null;
let gateway = null; // its row
let at = 0; // milliseconds of the gateway's clock that only goes forwards
const sections = new Map(); // name -> key -> row

// ---- who is here ----

async function enter() {
  const key = location.hash.slice(1);
  if (/^[\w-]{22}$/.test(key)) {
    history.replaceState(null, "", "/"); // it is used once, and nothing to keep
    const answer = await fetch("/sign-in", { method: "POST", body: JSON.stringify({ key }) });
    if (!answer.ok) {
      return door((await answer.json()).error);
    }
  }
  const answer = await fetch("/session");
  if (answer.status === 401) {
    return door("");
  }
  session = await answer.json();
  $("door").hidden = true;
  $("view").hidden = false;
  $("sections").hidden = false;
  $("leave").hidden = false;
  follow();
}

function door(why) {
  session = null;
  say($("why"), why ? `${why[0].toUpperCase()}${why.slice(1)}.` : "");
  say($("live"), "signed out");
  $("live").dataset.tone = "";
  $("door").hidden = false;
  $("view").hidden = true;
  $("sections").hidden = true;
  $("leave").hidden = true;
}

/** Has something done; what is answered, or an error to be said. */
async function post(path, body) {
  const answer = await fetch(path, { method: "POST", headers: { "x-csrf": session.csrf }, body: JSON.stringify(body ?? {}) });
  const said = await answer.json();
  if (!answer.ok) {
    throw new Error(said.error);
  }
  return said;
}

$("leave").addEventListener("click", async () => {
  await post("/sign-out");
  stream?.close();
  door("");
});

// ---- light and dark ----

const THEMES = ["system", "light", "dark"];

function theme(chosen) {
  if (chosen === "system") {
    delete document.documentElement.dataset.theme;
    localStorage.removeItem("theme");
  } else {
    document.documentElement.dataset.theme = chosen;
    localStorage.setItem("theme", chosen);
  }
  say($("theme"), `Theme: ${chosen}`);
  document.dispatchEvent(new Event("themed"));
}

theme(THEMES.includes(localStorage.getItem("theme")) ? localStorage.getItem("theme") : "system");
$("theme").addEventListener("click", () => {
  const now = document.documentElement.dataset.theme ?? "system";
  theme(THEMES[(THEMES.indexOf(now) + 1) % THEMES.length]);
});

// ---- the stream ----

let stream = null;

function follow() {
  stream = new EventSource("/events");
  stream.onmessage = (event) => {
    const said = JSON.parse(event.data);
    take(said);
    say($("live"), "live");
    $("live").dataset.tone = "good";
  };
  stream.onerror = () => {
    stream.close();
    say($("live"), "connecting again");
    $("live").dataset.tone = "warn";
    setTimeout(again, RETRY);
  };
}

async function again() {
  try {
    const answer = await fetch("/session");
    if (answer.status === 401) {
      return door("you are signed out, or the gateway was started again");
    }
    session = await answer.json();
    follow();
  } catch {
    setTimeout(again, RETRY);
  }
}

const CARRIES = {
  flows: (row) => [row.up, row.down],
  clients: (row) => [row.link.received, row.link.sent],
  agents: (row) => [row.instance.link.sent, row.instance.link.received],
  gateway: (row) => [row.up, row.down],
};
const moving = new Map(Object.keys(CARRIES).map((name) => [name, new Set()]));

/** Rows replace rows of their keys, with what they carry a second. */
function take(said) {
  const passed = (said.at - at) / 1000;
  at = said.at;
  for (const [name, keys] of Object.entries(said.gone ?? {})) {
    keys.forEach((key) => sections.get(name)?.delete(key));
  }
  const names = new Set([...Object.keys(said.rows), ...moving.keys()]);
  for (const name of names) {
    const rows = said.rows[name] ?? {};
    const had = sections.get(name) ?? new Map();
    const has = said.whole ? new Map() : had;
    const carries = CARRIES[name];
    const still = moving.get(name);
    for (const key of still ?? []) {
      const row = had.get(key);
      if (row && !(key in rows)) {
        row.rateUp = 0;
        row.rateDown = 0;
      }
    }
    still?.clear();
    for (const [key, row] of Object.entries(rows)) {
      row.key = key;
      if (carries) {
        const old = had.get(key);
        const [up, down] = carries(row);
        const [oldUp, oldDown] = old ? carries(old) : [up, down];
        row.rateUp = passed > 0 ? Math.max(0, up - oldUp) / passed : 0;
        row.rateDown = passed > 0 ? Math.max(0, down - oldDown) / passed : 0;
        row.busy = (old?.busy ?? 0) * 0.8 + row.rateUp + row.rateDown;
        if (row.rateUp + row.rateDown > 0) {
          still.add(key);
        }
      }
      has.set(key, row);
    }
    sections.set(name, has);
  }
  gateway = sections.get("gateway").get("this");
  show();
}

const rows = (name) => [...(sections.get(name)?.values() ?? [])];
const age = (iso) => (Date.parse(gateway.now) - Date.parse(iso)) / 1000;

// ---- what is shown ----

function section(id, title, ...content) {
  $("view").append(el("section", { id, "aria-labelledby": `${id}-title` }, el("h2", { id: `${id}-title` }, title), ...content));
  $("sections").append(el("a", { href: `#${id}` }, title));
}

const picture = new Picture((side, name) => {
  flows.find(name);
  $("flows").scrollIntoView();
  flows.search.focus({ preventScroll: true });
});
section("network", "Network", picture.element);

const flows = new Table(
  "Flows",
  [
    { title: "Client", text: (f) => f.client, small: true },
    { title: "Source", text: (f) => f.source ?? "–", width: "minmax(0,1.3fr)" },
    { title: "Protocol", text: (f) => f.protocol, width: "62px" },
    { title: "Destination", text: (f) => endpoint(f.host, f.port), width: "minmax(0,1.5fr)", small: true },
    { title: "Agent", text: (f) => f.agent },
    { title: "Rule", text: (f) => f.rule ?? "–", width: "minmax(0,1.1fr)" },
    { title: "State", text: (f) => (f.open ? "open" : "opening"), width: "62px", tone: (f) => (f.open ? "" : "warn") },
    { title: "Up", number: true, text: (f) => bytes(f.up), by: (f) => f.up, width: "82px" },
    { title: "Down", number: true, text: (f) => bytes(f.down), by: (f) => f.down, width: "82px" },
    { title: "Rate", number: true, text: (f) => rate(f.rateUp + f.rateDown), by: (f) => f.rateUp + f.rateDown, width: "104px", small: true },
    { title: "Age", number: true, text: (f) => span(age(f.since)), by: (f) => -Date.parse(f.since), width: "104px" },
  ],
  {
    order: 9,
    down: true,
    empty: "No flow is open.",
    note: () => (gateway && gateway.flows > gateway.flowsShown ? ` shown, of ${count(gateway.flows)} that are open` : ""),
  },
);
section("flows", "Flows", flows.element);

const TONES = { up: "good", draining: "warn", drained: "warn", superseded: "", silent: "bad" };

const linkColumns = (link) => [
  { title: "Flows", number: true, text: (r) => count(link(r).flows), by: (r) => link(r).flows, width: "74px", small: true },
  { title: "Up", number: true, text: (r) => rate(r.rateUp), by: (r) => r.rateUp, width: "104px" },
  { title: "Down", number: true, text: (r) => rate(r.rateDown), by: (r) => r.rateDown, width: "104px" },
  { title: "Round trip", number: true, text: (r) => (link(r).roundTripMillis === undefined ? "–" : `${link(r).roundTripMillis.toFixed(1)} ms`), by: (r) => link(r).roundTripMillis ?? -1, width: "100px" },
  { title: "Token ends", text: (r) => (link(r).expires ? `in ${span(-age(link(r).expires))}` : "never"), by: (r) => (link(r).expires ? Date.parse(link(r).expires) : Infinity), width: "112px", tone: (r) => (link(r).expiresSoon ? "warn" : "") },
  { title: "Since", number: true, text: (r) => span(age(link(r).since)), by: (r) => -Date.parse(link(r).since), width: "104px" },
];

const agents = new Table(
  "Agents",
  [
    { title: "Agent", text: (a) => a.name, small: true },
    { title: "Instance", text: (a) => a.instance.instance ?? "–" },
    { title: "State", text: (a) => a.instance.state, width: "104px", small: true, tone: (a) => TONES[a.instance.state] ?? "" },
    { title: "LANs", text: (a) => a.routes.join(", ") || "–", width: "minmax(0,1.4fr)" },
    { title: "From", text: (a) => a.instance.link.from, width: "minmax(0,1.1fr)" },
    ...linkColumns((a) => a.instance.link),
  ],
  { empty: "No agent is connected." },
);
section("agents", "Agents", agents.element);

const clients = new Table(
  "Clients",
  [
    { title: "Client", text: (c) => c.name, small: true },
    { title: "From", text: (c) => c.link.from, width: "minmax(0,1.2fr)", small: true },
    ...linkColumns((c) => c.link),
  ],
  { empty: "No client is connected." },
);
section("clients", "Clients", clients.element);

const denials = new Table(
  "Denied",
  [
    { title: "When", text: (d) => moment(d.time), by: (d) => d.time, width: "150px" },
    { title: "Client", text: (d) => d.client, small: true },
    { title: "Protocol", text: (d) => d.protocol, width: "62px" },
    { title: "Destination", text: (d) => endpoint(d.host, d.port), width: "minmax(0,1.2fr)", small: true },
    { title: "Agent", text: (d) => d.agent },
    { title: "Why", text: (d) => (d.rule ? `denied by ${d.rule}` : "no rule allows it"), width: "minmax(0,1.6fr)", small: true },
  ],
  { order: 0, down: true, empty: "Nothing was denied since the gateway was started." },
);
section("denied", "Denied", denials.element);

const STANDINGS = { served: "good", valid: "good", refused: "bad", failed: "bad" };

const publications = new Table(
  "Published",
  [
    { title: "Name or port", text: (p) => p.at, small: true },
    { title: "Target", text: (p) => p.target },
    { title: "Agent", text: (p) => p.agent, width: "minmax(0,0.7fr)" },
    { title: "By", text: (p) => p.by, width: "80px" },
    { title: "State", text: (p) => p.state, width: "100px", small: true, tone: (p) => STANDINGS[p.state] ?? "" },
    { title: "Certificate", text: (p) => (p.certificate ? `${p.certificate.state}${p.certificate.daysLeft === undefined ? "" : `, ${p.certificate.daysLeft} d`}` : "–"), tone: (p) => STANDINGS[p.certificate?.state] ?? "" },
    { title: "Why not", text: (p) => p.why ?? p.certificate?.why ?? "–", width: "minmax(0,1.4fr)" },
  ],
  { empty: "Nothing is published." },
);
section("published", "Published", publications.element);

const audit = new Table(
  "Audit log",
  [
    { title: "When", text: (a) => moment(a.time), by: (a) => a.time, width: "150px", small: true },
    { title: "Event", text: (a) => a.event, width: "140px", small: true },
    { title: "Details", text: (a) => a.text, width: "minmax(0,3fr)" },
  ],
  { order: 0, down: true, empty: "Nothing has happened yet." },
);
section("audit", "Audit log", audit.element);

const totals = new Map();

function total(name, text, below) {
  let one = totals.get(name);
  if (!one) {
    one = { value: el("dd", {}), below: el("dd", { class: "below" }) };
    totals.set(name, one);
    $("totals").append(el("div", {}, el("dt", {}, name), one.value, one.below));
  }
  say(one.value, text);
  say(one.below, below);
}

/** Links of one name are one box. */
function sides(name, link) {
  const all = new Map();
  for (const row of rows(name)) {
    let one = all.get(row.name);
    if (!one) {
      one = { name: row.name, up: 0, down: 0, flows: 0, busy: 0, links: 0, below: "", tone: "" };
      all.set(row.name, one);
    }
    one.links++;
    one.up += row.rateUp;
    one.down += row.rateDown;
    one.busy += row.busy;
    one.flows += link(row).flows;
    if (name === "agents") {
      one.below = row.routes.length > 1 ? `${row.routes[0]} +${row.routes.length - 1}` : (row.routes[0] ?? row.instance.state);
      one.tone = row.instance.state === "up" ? "good" : one.tone || "warn";
    } else {
      one.below = `${count(one.flows)} ${one.flows === 1 ? "flow" : "flows"}`;
    }
  }
  return [...all.values()];
}

function show() {
  const host = gateway.urls[0] ? gateway.urls[0].replace(/^wss?:\/\//, "") : gateway.listen;
  say($("where"), host);
  document.title = `${host} – Culvert`;
  const names = (name) => new Set(rows(name).map((r) => r.name)).size;
  const links = (name) => sections.get(name).size;
  const some = (n, what) => `${count(n)} ${what}${n === 1 ? "" : "s"}`;
  total("Agents", count(names("agents")), some(links("agents"), "instance"));
  total("Clients", count(names("clients")), some(links("clients"), "link"));
  total("Flows", count(gateway.flows), `${count(gateway.counters.opens)} asked for`);
  total("From clients", rate(gateway.rateUp), bytes(gateway.up));
  total("To clients", rate(gateway.rateDown), bytes(gateway.down));
  total("Denied", count(gateway.counters.denied), gateway.policy.sha256 ? "policy, tokens" : "by tokens");
  total("Memory", bytes(gateway.memory.heap), `of ${bytes(gateway.memory.heapMax)}`);
  total("Running", span(age(gateway.since)), `version ${gateway.version}`);
  picture.show({ clients: sides("clients", (c) => c.link), agents: sides("agents", (a) => a.instance.link) }, host);
  flows.show(rows("flows"));
  agents.show(rows("agents"));
  clients.show(rows("clients"));
  denials.show(rows("denials"));
  publications.show(rows("publications"));
  audit.show(rows("audit"));
}

enter().catch((e) => door(String(e.message ?? e)));
