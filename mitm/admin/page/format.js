// How figures are written. Nothing here touches the page.

const whole = new Intl.NumberFormat("en", { maximumFractionDigits: 0 });
const oneDigit = new Intl.NumberFormat("en", { maximumFractionDigits: 1, minimumFractionDigits: 1 });
const clock = new Intl.DateTimeFormat([], { hour: "2-digit", minute: "2-digit", second: "2-digit", hourCycle: "h23" });
const shortClock = new Intl.DateTimeFormat([], { hour: "2-digit", minute: "2-digit", hourCycle: "h23" });
const day = new Intl.DateTimeFormat([], { dateStyle: "medium", timeStyle: "medium" });

export const count = (n) => whole.format(n);

// rate is something per second or minute: with a digit after the point while it is small.
export const rate = (n) => (n > 0 && n < 100 ? oneDigit.format(n) : whole.format(n));

// share is a part of a whole; a dash where there is no whole.
export function share(part, of) {
  if (!of) return "–";
  const percent = (100 * part) / of;
  return (percent > 0 && percent < 10 ? oneDigit : whole).format(percent) + " %";
}

export function bytes(n) {
  const units = ["B", "KiB", "MiB", "GiB", "TiB"];
  let unit = 0;
  for (; n >= 1024 && unit < units.length - 1; unit++) n /= 1024;
  return (unit ? oneDigit.format(n) : whole.format(n)) + " " + units[unit];
}

// span is a length of time in its two largest units, as octopool status writes it.
export function span(seconds) {
  seconds = Math.max(0, Math.floor(seconds));
  if (seconds < 60) return seconds + "s";
  const units = [["d", 86400], ["h", 3600], ["m", 60], ["s", 1]];
  const first = units.findIndex(([, length]) => seconds >= length);
  const [name, length] = units[first];
  const [nextName, nextLength] = units[first + 1];
  const rest = Math.floor((seconds % length) / nextLength);
  return Math.floor(seconds / length) + name + (rest ? " " + rest + nextName : "");
}

export const time = (date) => clock.format(new Date(date));
export const shortTime = (date) => shortClock.format(new Date(date));
export const dateTime = (date) => day.format(new Date(date));

// plural counts things.
export const plural = (n, one, many) => count(n) + " " + (n === 1 ? one : many);

export const sum = (numbers) => numbers.reduce((a, b) => a + b, 0);
export const total = (counts) => sum(Object.values(counts));

// clientName is a client as people call it: "-" is octopool's word for nobody.
export const clientName = (name) => (name === "-" ? "nobody registered" : name);
export const clientLink = (name) => "#/client/" + encodeURIComponent(name);
