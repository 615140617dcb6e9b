// Text and elements. Everything that comes from the data becomes text, never markup.

/** Characters that are invisible, or that change the order of others. */
const HIDDEN_CHARACTERS =
  /[\p{C}\p{Zl}\p{Zp}\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180f\u2800\u3164\ufe00-\ufe0f\uffa0\u{e0100}-\u{e01ef}]|(?! )\p{Zs}/gu;

/** A text in which hidden characters are readable, as `\u{202E}`. */
function shown(text) {
  const plain = String(text ?? '');
  if (/^[\x20-\x7e]*$/.test(plain)) return plain;
  return plain.replace(
    HIDDEN_CHARACTERS,
    (found) => `\\u{${found.codePointAt(0).toString(16).toUpperCase()}}`,
  );
}

const SVG = 'http://www.w3.org/2000/svg';

function setAttributes(element, attributes) {
  for (const [name, value] of Object.entries(attributes)) {
    if (value === null || value === undefined || value === false) continue;
    if (name.startsWith('on')) element.addEventListener(name.slice(2), value);
    else element.setAttribute(name, value === true ? '' : shown(value));
  }
  return element;
}

/**
 * Make an element: `h('td.number', {colspan: 2}, 'text', child)`.
 * Attributes come from this script only; links are made by `link`.
 */
function h(kind, attributes = {}, ...children) {
  const [tag, ...classes] = kind.split('.');
  const element = document.createElement(tag);
  if (classes.length) element.className = classes.join(' ');
  setAttributes(element, attributes);
  element.append(...children.flat().filter((c) => c !== null && c !== undefined && c !== '')
    .map((child) => (child instanceof Node ? child : shown(child))));
  return element;
}

function svg(tag, attributes, ...children) {
  const element = setAttributes(document.createElementNS(SVG, tag), attributes);
  element.append(...children);
  return element;
}

/** A link to an https URL that opens in a new tab; for any other URL only the text. */
function link(url, text, about = '') {
  let parsed = null;
  try { parsed = new URL(String(url)); } catch { /* no URL: text */ }
  const plain = shown(url) === String(url) && !/\s/.test(String(url));
  if (!parsed || parsed.protocol !== 'https:' || !plain) return url ? h('span.muted', {}, url) : null;
  const name = about ? h('span.vh', {}, ` of ${about}`) : null;
  const element = h('a', { rel: 'noopener noreferrer', target: '_blank' }, text, name);
  element.href = parsed.href;
  return element;
}

/** The first names, each without a line break in it, and how many more there are. */
function words(names, limit = 5) {
  const rest = names.length - limit;
  const some = rest > 0 ? names.slice(0, limit) : names;
  const nodes = some.flatMap((name, at) => [h('span.whole-word', {}, `${name}${at < some.length - 1 ? ',' : ''}`), ' ']);
  return rest > 0 ? [...nodes, `and ${rest} more`] : nodes;
}

/** `1 image`, `2 images`, `1,200 images`. */
function count(number, noun, plural = `${noun}s`) {
  return `${number.toLocaleString('en')} ${number === 1 ? noun : plural}`;
}

/** The first names, and how many more there are. */
function listed(names, limit = 5) {
  const rest = names.length - limit;
  if (rest <= 0) return names.join(', ');
  return `${names.slice(0, limit).join(', ')} and ${rest} more`;
}

const byId = (id) => document.getElementById(id);

// --- times: minutes since 1970, UTC

const MONTHS = 'Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec'.split(' ');
const HOUR = 60;
const DAY = 24 * HOUR;
const two = (number) => String(number).padStart(2, '0');
const isMinute = (value) => Number.isFinite(value) && Math.abs(value) < 1e9;
const minuteOf = (text) => {
  const time = Date.parse(text ?? '');
  return Number.isFinite(time) ? Math.floor(time / 60000) : null;
};

/** `24 Nov`, with the year if it is not that of the page. */
function day(minute) {
  if (!isMinute(minute)) return 'unknown';
  const date = new Date(minute * 60000);
  const year = date.getUTCFullYear();
  const other = year !== new Date(model.now * 60000).getUTCFullYear();
  return `${date.getUTCDate()} ${MONTHS[date.getUTCMonth()]}${other ? ` ${year}` : ''}`;
}

/** `24 Nov 18:34`. */
function when(minute) {
  if (!isMinute(minute)) return 'unknown';
  const date = new Date(minute * 60000);
  return `${day(minute)} ${two(date.getUTCHours())}:${two(date.getUTCMinutes())}`;
}

/** A length of time: `36 min`, `2.5 h`, `15 h`, `4 d`. */
function span(minutes) {
  const length = Math.max(0, minutes);
  if (length < HOUR) return `${Math.round(length)} min`;
  if (length < 10 * HOUR) return `${(length / HOUR).toFixed(1).replace('.0', '')} h`;
  if (length < 2 * DAY) return `${Math.floor(length / HOUR)} h`;
  return `${Math.floor(length / DAY).toLocaleString('en')} d`;
}

/** A length of time in a cell: `36m`, `15h`, `4d`. */
const shortSpan = (minutes) => span(minutes).replace(/\.\d/, '').replace(' min', 'm').replace(' ', '');
const ago = (minute) => {
  if (!isMinute(minute)) return 'at an unknown time';
  return model.now - minute < 1 ? 'just now' : `${span(model.now - minute)} ago`;
};
