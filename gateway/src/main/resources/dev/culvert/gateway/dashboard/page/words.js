// Amounts and times in the words of people, as the gateway's own commands say them; and elements, whose texts are never markup.

const UNITS = ["k", "M", "G", "T", "P", "E"];

/** 999 B, 1.5 kB, 23 MB. */
export function bytes(n) {
  return amount(n, "B");
}

/** Bytes a second as bits a second: 1.2 Mbit/s. */
export function rate(bytesPerSecond) {
  return amount(Math.round(bytesPerSecond * 8), "bit/s");
}

function amount(n, unit) {
  if (n < 1000) {
    return `${Math.round(n)} ${unit}`;
  }
  let value = n;
  let i = -1;
  while (value >= 999.5 && i < UNITS.length - 1) {
    value /= 1000;
    i++;
  }
  return `${value < 9.95 ? value.toFixed(1) : value.toFixed(0)} ${UNITS[i]}${unit}`;
}

const NUMBER = new Intl.NumberFormat("en-GB");

/** 12,345. */
export function count(n) {
  return NUMBER.format(n);
}

/** In its two largest units: 3 d 4 h, 12 s. */
export function span(seconds) {
  const s = Math.max(0, Math.floor(seconds));
  const minutes = Math.floor(s / 60);
  const hours = Math.floor(minutes / 60);
  const days = Math.floor(hours / 24);
  if (days > 0) {
    return two(days, "d", hours % 24, "h");
  }
  if (hours > 0) {
    return two(hours, "h", minutes % 60, "min");
  }
  return minutes > 0 ? two(minutes, "min", s % 60, "s") : `${s} s`;
}

function two(large, largeUnit, small, smallUnit) {
  return small === 0 ? `${large} ${largeUnit}` : `${large} ${largeUnit} ${small} ${smallUnit}`;
}

/** A local date and time. */
export function moment(iso) {
  const at = new Date(iso);
  const two = (n) => String(n).padStart(2, "0");
  return `${at.getFullYear()}-${two(at.getMonth() + 1)}-${two(at.getDate())} ${two(at.getHours())}:${two(at.getMinutes())}:${two(at.getSeconds())}`;
}

/** An endpoint: 10.0.0.5:443, [2001:db8::1]:443. */
export function endpoint(host, port) {
  const h = host.includes(":") ? `[${host}]` : host;
  return port ? `${h}:${port}` : h;
}

/** An element with attributes and what is in it. */
export function el(tag, attributes, ...content) {
  return fill(document.createElement(tag), attributes, content);
}

/** The same of a drawing. */
export function svg(tag, attributes, ...content) {
  return fill(document.createElementNS("http://www.w3.org/2000/svg", tag), attributes, content);
}

function fill(element, attributes, content) {
  for (const [name, value] of Object.entries(attributes ?? {})) {
    if (name.startsWith("on")) {
      element.addEventListener(name.slice(2), value);
    } else if (value !== null && value !== undefined && value !== false) {
      element.setAttribute(name, value === true ? "" : value);
    }
  }
  element.append(...content.filter((c) => c !== null && c !== undefined));
  return element;
}

/** Sets a text if it is another. */
export function say(element, text) {
  if (element.textContent !== text) {
    element.textContent = text;
  }
}

/** Sets an attribute if it is another. */
export function set(element, name, value) {
  const text = String(value);
  if (element.getAttribute(name) !== text) {
    element.setAttribute(name, text);
  }
}
