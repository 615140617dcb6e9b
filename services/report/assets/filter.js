// What is visible with the filters, and the controls of the filters.

/** Whether an image has a text in its name, lookup, releases or ids. */
function matches(image, query) {
  if (!query) return true;
  image.index ??= [image.name, image.source, familyName(image),
    ...image.releases.flatMap((each) => [each.key, each.ami, each.ids.join(' ')])].join('\n').toLowerCase();
  return image.index.includes(query);
}

const isVisibleTarget = (target, view) => (!view.region || target.region === view.region)
  && (!view.account || target.account === view.account);

/**
 * The images and targets that pass the filters, and how many pairs each state has.
 * The counts are of all states, so that the buttons show what a press adds.
 */
function visible(view) {
  const columns = model.columns.filter((target) => isVisibleTarget(target, view));
  const query = view.q.trim().toLowerCase().replace(/^ami-(?=[0-9a-f])/, '');
  const counts = new Map();
  const images = [];
  for (const image of model.images) {
    if (view.family && familyName(image) !== view.family) continue;
    if (!matches(image, query)) continue;
    let tracked = false;
    let wanted = view.states.size === 0;
    for (const target of columns) {
      const state = image.states[image.places.get(target.at)];
      if (state === undefined) continue;
      tracked = true;
      counts.set(state, (counts.get(state) ?? 0) + 1);
      if (view.states.has(state)) wanted = true;
    }
    if (tracked && wanted) images.push(image);
  }
  return { columns: usedColumns(columns, images), images: sorted(images, view), counts };
}

function usedColumns(columns, images) {
  const used = new Set(images.flatMap((image) => image.targets));
  return columns.filter((target) => used.has(target.at));
}

function sorted(images, view) {
  const name = (a, b) => a.name.localeCompare(b.name, 'en', { numeric: true });
  const newest = (image) => image.releases[0]?.at ?? 0;
  const orders = {
    family: (a, b) => (a.family + 1 || 1e6) - (b.family + 1 || 1e6) || a.at - b.at,
    name,
    worst: (a, b) => rankOf(worstState(a)) - rankOf(worstState(b)) || name(a, b),
    newest: (a, b) => newest(b) - newest(a) || name(a, b),
  };
  return [...images].sort(orders[view.sort]);
}

// --- the controls

function setUpFilters() {
  fillSelect('family', model.families.map((name) => [name, name]));
  const regions = new Map(model.columns.map((each) => [each.region, each.place]));
  fillSelect('region', [...regions].map(([region, place]) => [region, place ? `${region}, ${place}` : region]));
  fillSelect('account', model.accounts.map((account) => [account, account]));
  for (const name of ['family', 'region', 'account', 'sort']) {
    byId(`f-${name}`).addEventListener('change', (event) => go({ [name]: event.target.value }));
  }
  let waiting = 0;
  byId('f-q').addEventListener('input', (event) => {
    clearTimeout(waiting);
    waiting = setTimeout(() => go({ q: event.target.value }, { replace: true }), 120);
  });
  byId('filters').addEventListener('submit', (event) => event.preventDefault());
  byId('f-clear').addEventListener('click', () => go({ ...emptyView(), cells: current.cells }));
  byId('f-toggle').addEventListener('click', (event) => {
    const isOpen = byId('filters').classList.toggle('open');
    event.currentTarget.setAttribute('aria-expanded', isOpen);
  });
}

function fillSelect(name, options) {
  const select = byId(`f-${name}`);
  for (const [value, text] of options) {
    const option = h('option', {}, text);
    option.value = value;
    select.append(option);
  }
}

/** Show the filters of the view, also those that the page does not have. */
function showFilters(view, found) {
  const search = byId('f-q');
  if (document.activeElement !== search || !view.q) search.value = view.q;
  for (const name of ['family', 'region', 'account', 'sort']) {
    const select = byId(`f-${name}`);
    if (view[name] && ![...select.options].some((each) => each.value === view[name])) {
      fillSelect(name, [[view[name], `${view[name]} (not in this page)`]]);
    }
    select.value = view[name];
    select.classList.toggle('set', name !== 'sort' && Boolean(view[name]));
  }
  const states = Object.keys(STATES).filter((state) => found.counts.get(state) || view.states.has(state));
  replaceKeepingFocus(byId('states'), states.map((state) => stateButton(state, view, found)));
  showCounts(found);
  showIds(view);
}

function stateButton(state, view, found) {
  const pressed = view.states.has(state);
  const press = () => {
    const states = new Set(view.states);
    if (pressed) states.delete(state);
    else states.add(state);
    go({ states });
  };
  const number = found.counts.get(state) ?? 0;
  return h(`button.state.${tone(state)}`, {
    type: 'button', 'aria-pressed': String(pressed), 'data-key': state, title: STATES[state][2], onclick: press,
  }, glyph(state), word(state), ' ', h('b', {}, number.toLocaleString('en')));
}

/** Replace children; the element with the same key keeps the focus. */
function replaceKeepingFocus(parent, children) {
  const key = parent.contains(document.activeElement) ? document.activeElement.dataset.key : null;
  parent.replaceChildren(...children);
  if (key) children.find((child) => child.dataset.key === key)?.focus();
}

function showCounts({ images, columns }) {
  const regions = (targets) => new Set(targets.map((each) => each.region)).size;
  const part = (number, all, noun) => (number === all ? count(all, noun) : `${number.toLocaleString('en')} of ${count(all, noun)}`);
  byId('counts').textContent = [
    part(images.length, model.images.length, 'image'),
    part(regions(columns), regions(model.targets), 'region'),
  ].join(', ');
  byId('nothing').hidden = images.length > 0 || model.images.length === 0;
}

/** What an image id in the search field is. */
function showIds(view) {
  const id = /^(?:ami-)?([0-9a-f]{8,17})$/.exec(view.q.trim().toLowerCase())?.[1];
  const found = id ? pairsWithId(id).slice(0, 6) : [];
  byId('ids').hidden = found.length === 0;
  byId('ids').replaceChildren(...found.map(({ image, release, target, position }) => {
    const end = release.end[position];
    const is = end ? `replaced ${when(end)}` : 'current there';
    return h('li', {}, h('code', {}, `ami-${release.ids[position]}`), ` is ${release.key} of `,
      openButton(image, target, image.name), ` in ${target.label}, ${is}.`);
  }));
}

function pairsWithId(id) {
  const found = [];
  for (const image of model.images) {
    for (const release of image.releases) {
      release.ids.forEach((each, position) => {
        const target = model.targets[image.targetAt[position]];
        if (each.startsWith(id) && target && image.places.get(target.at) === position) {
          found.push({ image, release, target, position });
        }
      });
    }
  }
  return found;
}

/** A button that opens the history of a pair. */
function openButton(image, target, text, kind = 'button.link') {
  const open = { name: image.name, region: target.region, account: target.account };
  return h(kind, { type: 'button', 'aria-haspopup': 'dialog', onclick: () => go({ open }) }, text);
}

/** The pair of an image that a reader most likely wants: of the filtered region, else the worst. */
function likelyTarget(image, columns) {
  const places = columns.filter((target) => image.places.has(target.at));
  const rank = (target) => {
    const state = image.states[image.places.get(target.at)];
    return model.whole.get(target.at) === state ? 50 : rankOf(state);
  };
  return places.reduce((best, each) => (best && rank(best) <= rank(each) ? best : each), null)
    ?? model.targets[image.targets[0]];
}
