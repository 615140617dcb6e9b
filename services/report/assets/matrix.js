// Images and regions: a table that is also a grid for the keyboard. Rows are made when they are shown.

const COLLAPSE_ABOVE = 100;
const WIDE_COLUMNS = 3;
const ROOMY = 88;
const FIXED_WIDTH = 312;
const collapsed = { families: new Set(), geographies: new Set() };
let grid = null;

function setUpMatrix() {
  if (model.images.length > COLLAPSE_ABOVE) for (const image of model.images) collapsed.families.add(image.family);
  byId('m-release').addEventListener('click', () => go({ cells: '' }));
  byId('m-age').addEventListener('click', () => go({ cells: 'age' }));
  byId('m-expand').addEventListener('click', () => { collapsed.families.clear(); collapsed.geographies.clear(); refreshMatrix(); });
  byId('m-collapse').addEventListener('click', () => { for (const image of model.images) collapsed.families.add(image.family); refreshMatrix(); });
  setUpGrid(byId('grid'));
}

/** The columns: targets, or a geography that is collapsed. */
function matrixColumns(columns) {
  const parts = new Map();
  for (const target of columns) parts.set(target.geo, [...(parts.get(target.geo) ?? []), target]);
  return [...parts].map(([geo, targets]) => ({
    geo, targets, name: model.geographies[geo] ?? 'Other regions',
    cells: collapsed.geographies.has(geo) && targets.length > 1 ? [{ targets, isGroup: true }] : targets.map((target) => ({ target, targets: [target] })),
  }));
}

function showMatrix(view, found) {
  const parts = matrixColumns(found.columns);
  const cells = parts.flatMap((part) => part.cells.map((cell, at) => ({ ...cell, isFirst: at === 0 })));
  grid = { view, found, parts, cells, isWide: cells.length <= WIDE_COLUMNS, isAge: view.cells === 'age' };
  showMatrixCount(found);
  byId('m-release').setAttribute('aria-pressed', String(!grid.isAge));
  byId('m-age').setAttribute('aria-pressed', String(grid.isAge));
  byId('matrix').classList.toggle('as-cards', isPhone());
  byId('matrix-body').hidden = found.images.length === 0;
  if (isPhone()) showCards(view, found);
  else showTable();
}

function refreshMatrix() {
  const focus = focusedPlace();
  showMatrix(grid.view, grid.found);
  if (focus) focusPlace(...focus);
}

function showMatrixCount({ images, columns }) {
  let different = 0;
  for (const image of images) for (const { at } of columns) if ((image.states[image.places.get(at)] ?? 'ok') !== 'ok') different += 1;
  byId('matrix-count').textContent = `${images.length.toLocaleString('en')} × ${columns.length}, ${different.toLocaleString('en')} not current`;
}

function showTable() {
  const element = byId('grid');
  const width = cellWidth(element); // Before the new rows, which it would lay out twice.
  element.replaceChildren(columnGroup(), tableHead(), ...tableBodies());
  element.classList.toggle('wide', grid.isWide);
  element.classList.toggle('roomy', !grid.isWide && width >= ROOMY);
  element.style.width = grid.isWide ? '100%' : `${FIXED_WIDTH + width * columnUnits()}px`;
  for (const column of element.querySelectorAll('col.cell')) column.style.width = grid.isWide ? '' : `${width}px`;
  for (const column of element.querySelectorAll('col.group')) column.style.width = `${2 * width}px`;
  startGrid(element);
}

/** The number of columns; a collapsed geography is as wide as two. */
const columnUnits = () => grid.cells.reduce((all, cell) => all + (cell.isGroup ? 2 : 1), 0);

/** Columns use the width of the window, as long as their texts have room. */
function cellWidth(element) {
  const room = element.parentElement.parentElement.clientWidth - FIXED_WIDTH - 20;
  return Math.max(29, Math.min(100, Math.floor(room / columnUnits())));
}

function columnGroup() {
  return h('colgroup', {}, h('col.name'), h('col.newest'), h('col.in'), ...grid.cells.map((cell) => h(cell.isGroup ? 'col.group' : 'col.cell')));
}

function tableHead() {
  const geographies = grid.parts.map((part) => h('th.geo', { scope: 'colgroup', colspan: part.cells.length }, part.targets.length > 1 ? geographyToggle(part) : '', h('span.plain', {}, part.name)));
  const regions = grid.cells.map(regionHead);
  return h('thead', {},
    h('tr', {}, h('th.name', { scope: 'col', rowspan: 2 }, 'Image'), h('th.newest', { scope: 'col', rowspan: 2 }, 'Newest'), h('th.in', { scope: 'col', rowspan: 2 }, 'In'), ...geographies),
    h('tr', {}, ...regions));
}

function geographyToggle(part) {
  const isOpen = !collapsed.geographies.has(part.geo);
  return h('button.toggle', {
    type: 'button', tabindex: -1, 'aria-expanded': String(isOpen),
    onclick: () => { toggleSet(collapsed.geographies, part.geo); refreshMatrix(); },
  }, part.name);
}

const toggleSet = (set, value) => (set.has(value) ? set.delete(value) : set.add(value));

function regionHead(cell) {
  if (cell.isGroup) return h('th.region.first', { scope: 'col' }, `${cell.targets.length} regions`);
  const { target } = cell;
  const whole = model.whole.get(target.at);
  const kind = `th.region${cell.isFirst ? '.first' : ''}${whole ? `.${tone(whole)}` : ''}`;
  const text = h('span.turn', {}, whole ? glyph(whole) : null, target.label, whole ? h('span.vh', {}, `, ${word(whole)}`) : null);
  return h(kind, { scope: 'col', title: [target.place, `account ${target.account}`, whole && `everything ${word(whole).toLowerCase()}`].filter(Boolean).join(', ') }, text);
}

function tableBodies() {
  const { view, found } = grid;
  if (view.sort !== 'family') return [h('tbody', {}, ...found.images.map(imageRow))];
  const families = new Map();
  for (const image of found.images) families.set(image.family, [...(families.get(image.family) ?? []), image]);
  return [...families].map(([family, images]) => familyBody(family, images));
}

function familyBody(family, images) {
  const isOpen = !collapsed.families.has(family);
  const toggle = h('button.toggle', { type: 'button', tabindex: -1, 'aria-expanded': String(isOpen) }, familyName(images[0]));
  toggle.addEventListener('click', () => { toggleSet(collapsed.families, family); refreshMatrix(); });
  const head = h('th', { scope: 'rowgroup', colspan: 3 }, toggle, isOpen ? null : h('small', {}, count(images.length, 'image')));
  const cells = isOpen ? [h('td.summary', { colspan: grid.cells.length }, familySummary(images))] : grid.cells.map((cell) => familyCell(cell, images));
  return h('tbody', {}, h('tr.family', { 'data-family': family }, head, ...cells), ...(isOpen ? images.map(imageRow) : []));
}

/** `10 images: 8 lagging, 64 rolled back`, without targets in which everything has one cause. */
function familySummary(images) {
  const counts = countStates(images, grid.found.columns);
  const states = Object.keys(STATES).filter((state) => state !== 'ok' && counts.get(state));
  const rest = states.map((state) => `${counts.get(state)} ${word(state).toLowerCase()}`).join(', ');
  return `${count(images.length, 'image')}: ${rest || 'all current'}`;
}

function countStates(images, targets, withWhole = false) {
  const counts = new Map();
  for (const image of images) {
    for (const { at } of targets) {
      const state = image.states[image.places.get(at)];
      if (state === undefined || (!withWhole && model.whole.get(at) === state)) continue;
      counts.set(state, (counts.get(state) ?? 0) + 1);
    }
  }
  return counts;
}

/** Of a collapsed family: how many images have the worst state there. */
function familyCell(cell, images) {
  const counts = countStates(images, cell.targets, true);
  const state = Object.keys(STATES).find((each) => counts.get(each)) ?? 'ok';
  const first = cell.isFirst ? '.first' : '';
  if (state === 'ok') return h(`td.quiet${first}`, {}, counts.size ? '' : '–');
  return h(`td.${tone(state)}${first}`, {}, glyph(state), h('span', {}, String(counts.get(state))), h('span.vh', {}, word(state)));
}

/** A name whose middle can be left out: its end has the architecture. */
function shortName(name) {
  const cut = name.length > 26 ? name.length - 11 : name.length;
  return [h('span.head', {}, name.slice(0, cut)), h('span.tail', {}, name.slice(cut))];
}

function imageRow(image) {
  const newest = image.releases[0];
  return h('tr.image', { 'data-image': image.at },
    h('th.name', { scope: 'row', title: image.name }, ...shortName(image.name)),
    h('td.newest', {}, newest?.short ?? '–'), h('td.in', {}, `${haveNewest(image)}/${image.positions.length}`),
    ...grid.cells.map((cell) => (cell.isGroup ? groupCell(cell, image) : pairCell(cell, image))));
}

/** Of a collapsed geography: how many regions have the newest release, with the worst state. */
function groupCell(cell, image) {
  const places = cell.targets.filter(({ at }) => image.places.has(at));
  const have = places.filter(({ at }) => pairOf(image, at).isNewest).length;
  const state = worstState(image, places.map(({ at }) => at));
  const marked = state === 'ok' ? [] : [glyph(state), h('span.vh', {}, word(state))];
  return h(`td.first.${state === 'ok' ? 'quiet' : tone(state)}`, {}, ...marked, places.length ? `${have}/${places.length}` : '–');
}

function pairCell(cell, image) {
  const first = cell.isFirst ? '.first' : '';
  const pair = pairOf(image, cell.target.at);
  if (!pair) return h(`td.none${first}`, {}, h('span.vh', {}, 'Not tracked'));
  const { states } = grid.view;
  const dim = states.size && !states.has(pair.state) ? '.dim' : '';
  const data = { 'data-target': cell.target.at };
  if (grid.isWide) return h(`td.${tone(pair.state)}.full${first}${dim}`, data, ...wideCell(pair));
  const text = cellText(pair);
  if (pair.state === 'ok') return h(`td.quiet${first}${dim}`, data, text);
  return h(`td.${tone(pair.state)}${first}${dim}`, data, glyph(pair.state), h('span', {}, text), h('span.vh', {}, word(pair.state)));
}

function cellText(pair) {
  if (!pair.release) return '–';
  if (!grid.isAge) return pair.release.short.slice(0, ROOMY / 8);
  const at = seenAt(pair.release, pair.position);
  return at === null ? '?' : `${pair.release.exact === false ? '>' : ''}${shortSpan(model.now - at)}`;
}

function wideCell(pair) {
  const at = seenAt(pair.release, pair.position);
  return [
    h('b', {}, pair.release?.key ?? 'no image'), ' ',
    pair.state === 'ok' ? null : h('span.state-word', {}, glyph(pair.state), word(pair.state)),
    at === null ? null : h('small', {}, pair.release.exact === false ? `known since ${day(at)}` : `since ${when(at)}, ${ago(at)}`),
  ];
}
