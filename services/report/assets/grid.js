// The keyboard, the mouse and the tooltip of the table of images and regions.

const PAGE = 10;
let stop = null;

const gridRows = () => [...byId('grid').rows].filter((row) => row.querySelector('[data-target], .toggle, tr.image > th, th.name[scope=row]'));

/** What can have the focus in a row: the header or its button, and the cells. */
function stopsOf(row) {
  const toggles = [...row.querySelectorAll('.toggle')];
  if (toggles.length) return toggles;
  return [...row.querySelectorAll('th.name, td[data-target], td.first')];
}

function setUpGrid(element) {
  element.addEventListener('keydown', onGridKey);
  element.addEventListener('click', (event) => activate(event.target.closest('td[data-target], tr.image > th')));
  element.addEventListener('focusin', (event) => { setStop(event.target); showTip(event.target.closest('td[data-target]'), true); });
  element.addEventListener('focusout', hideTip);
  element.addEventListener('mouseover', (event) => showTip(event.target.closest('td[data-target]'), false));
  element.addEventListener('mouseleave', hideTip);
  byId('grid-scroll').addEventListener('scroll', hideTip, { passive: true });
}

/** After the table was made: one element of it is in the order of the Tab key. */
function startGrid() {
  stop = null;
  const rows = gridRows();
  const first = rows.find((row) => row.classList.contains('image')) ?? rows[0];
  if (first) setStop(stopsOf(first)[0]);
}

function setStop(element) {
  if (!element || element === stop) return;
  if (stop) stop.tabIndex = -1;
  element.tabIndex = 0;
  stop = element;
}

function focusedPlace() {
  const element = document.activeElement;
  if (!byId('grid').contains(element)) return null;
  const row = element.closest('tr');
  return [row.dataset.family ?? '', row.dataset.image ?? '', stopsOf(row).indexOf(element)];
}

function focusPlace(family, image, at) {
  const row = gridRows().find((each) => (each.dataset.family ?? '') === family && (each.dataset.image ?? '') === image);
  const stops = row ? stopsOf(row) : [];
  focusOn(stops[Math.min(Math.max(at, 0), stops.length - 1)]);
}

function focusOn(element) {
  if (!element) return;
  setStop(element);
  element.focus({ preventScroll: true });
  element.scrollIntoView({ block: 'nearest', inline: 'nearest' });
}

function onGridKey(event) {
  if (event.ctrlKey || event.metaKey ? !['Home', 'End'].includes(event.key) : event.altKey) return;
  const row = event.target.closest('tr');
  if (event.key === 'Enter' || event.key === ' ') {
    if (event.target.closest('button')) return;
    event.preventDefault();
    activate(event.target);
    return;
  }
  if (event.key === 'Escape') { hideTip(); return; }
  const next = nextStop(event, gridRows(), row);
  if (!next) return;
  event.preventDefault();
  focusOn(next);
}

function nextStop(event, rows, row) {
  const at = rows.indexOf(row);
  const stops = stopsOf(row);
  const place = stops.indexOf(event.target);
  const inRow = (number) => stops[Math.min(Math.max(number, 0), stops.length - 1)];
  const vertical = (number) => {
    const found = rows[Math.min(Math.max(number, 0), rows.length - 1)];
    return columnStop(found, event.target, place);
  };
  switch (event.key) {
    case 'ArrowRight': return inRow(place + 1);
    case 'ArrowLeft': return inRow(place - 1);
    case 'ArrowDown': return vertical(at + 1);
    case 'ArrowUp': return vertical(at - 1);
    case 'PageDown': return vertical(at + PAGE);
    case 'PageUp': return vertical(at - PAGE);
    case 'Home': return event.ctrlKey || event.metaKey ? stopsOf(rows[0])[0] : inRow(0);
    case 'End': return event.ctrlKey || event.metaKey ? stopsOf(rows.at(-1)).at(-1) : inRow(stops.length - 1);
    default: return null;
  }
}

let column = 0;

/** The element of another row in the same column; rows with one element keep the column in mind. */
function columnStop(row, from, place) {
  if (!from.closest('.toggle')) column = place;
  const stops = stopsOf(row);
  return stops[Math.min(column, stops.length - 1)];
}

/** Open the history of a cell, or of the most interesting pair of a row. */
function activate(cell) {
  if (!cell || !cell.closest('tr.image')) return;
  const image = model.images[Number(cell.closest('tr').dataset.image)];
  const target = cell.dataset.target === undefined
    ? likelyTarget(image, grid.found.columns) : model.targets[Number(cell.dataset.target)];
  setStop(cell);
  cell.focus({ preventScroll: true });
  hideTip();
  go({ open: { name: image.name, region: target.region, account: target.account } });
}

// --- the tooltip

function tipLines(image, target) {
  const pair = pairOf(image, target.at);
  const at = seenAt(pair.release, pair.position);
  const since = pair.since === null ? '' : ` since ${when(pair.since)}`;
  return [
    h('b', {}, image.name), h('span', {}, [target.label, target.place].filter(Boolean).join(', ')),
    h('span', {}, pair.release ? pair.release.key : 'no image is known'),
    at === null ? null : h('span.muted', {}, pair.release.exact === false ? `known since ${when(at)}` : `${when(at)}, ${ago(at)}`),
    pair.state === 'ok' ? null : h('span', {}, pill(pair.state), since),
    pair.advice[0] ? h('span', {}, ...coded(sentence(pair.advice[0]))) : null,
  ].filter(Boolean);
}

function showTip(cell, isFocus) {
  const tip = byId('tip');
  if (!cell) { hideTip(); return; }
  const image = model.images[Number(cell.closest('tr').dataset.image)];
  tip.replaceChildren(...tipLines(image, model.targets[Number(cell.dataset.target)]));
  tip.hidden = false;
  const box = cell.getBoundingClientRect();
  const size = tip.getBoundingClientRect();
  const below = box.bottom + 6 + size.height < innerHeight;
  tip.style.left = `${Math.max(4, Math.min(box.left, innerWidth - size.width - 8))}px`;
  tip.style.top = `${below ? box.bottom + 6 : box.top - size.height - 6}px`;
  document.querySelector('[aria-describedby=tip]')?.removeAttribute('aria-describedby');
  if (isFocus) cell.setAttribute('aria-describedby', 'tip');
}

function hideTip() {
  byId('tip').hidden = true;
}
