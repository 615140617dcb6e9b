// Images and regions on a narrow screen: for each image only what is not current.

const openCards = new Set();

function showCards(view, found) {
  const wholes = [...model.whole].filter(([at]) => found.columns.some((target) => target.at === at));
  const notes = wholes.map(([at, state]) => h('p', {}, pill(state), ` ${model.targets[at].label} for all images (not repeated below)`));
  const families = new Map();
  const key = (image) => (view.sort === 'family' ? familyName(image) : '');
  for (const image of found.images) families.set(key(image), [...(families.get(key(image)) ?? []), image]);
  byId('cards').replaceChildren(...notes, ...[...families].map(([name, images]) => cardFamily(name, images, found)));
}

function cardFamily(name, images, found) {
  const body = h('ul.cards');
  const fill = () => { if (!body.childElementCount) body.append(...images.map((image) => card(image, found))); };
  if (!name || images.length < 2) { fill(); return h('section', {}, name ? h('h3', {}, name) : null, body); }
  const details = h('details.cards-family', {}, h('summary', {}, h('b', {}, name), h('small', {}, familySummary(images))), body);
  details.open = !collapsed.families.has(images[0].family);
  if (details.open) fill();
  details.addEventListener('toggle', () => {
    collapsed.families[details.open ? 'delete' : 'add'](images[0].family);
    fill();
  });
  return details;
}

function card(image, found) {
  const newest = image.releases[0];
  const places = found.columns.filter(({ at }) => image.places.has(at));
  const states = new Map();
  for (const target of places) {
    const state = image.states[image.places.get(target.at)];
    if (state !== 'ok' && model.whole.get(target.at) !== state) states.set(state, [...(states.get(state) ?? []), target]);
  }
  const ranked = [...states].sort((a, b) => rankOf(a[0]) - rankOf(b[0]));
  return h('li.card', {},
    h('div.line', {}, h('b', {}, image.name), h('span', {}, `${haveNewest(image)} of ${image.positions.length}`)),
    h('div.muted', {}, newest ? `${newest.key}, ${newest.exact === false ? 'baseline' : ago(newest.at)}` : 'no image is known'),
    ...ranked.map(([state, targets]) => h('div.line-state', {}, pill(state), ' ', ...cardRegions(targets, places))),
    cardPairs(image, places));
}

function cardRegions(targets, places) {
  if (targets.length === places.length) return [`all ${places.length} regions`];
  return targets.length > 8 ? [`${targets.length} of ${places.length} regions`] : words(targets.map((each) => each.label), 4);
}

function cardPairs(image, places) {
  if (places.length === 1) return openButton(image, places[0], `History in ${places[0].label}`);
  const body = h('ul.pairs');
  const details = h('details', {}, h('summary', {}, `All ${places.length} regions`, h('span.vh', {}, ` of ${image.name}`)), body);
  const fill = () => {
    if (body.childElementCount) return;
    body.append(...places.map((target) => {
      const pair = pairOf(image, target.at);
      return h('li', {}, openButton(image, target, target.label), h('span', {}, pair.release?.key ?? '–'), pair.state === 'ok' ? h('span.muted', {}, 'Current') : pill(pair.state));
    }));
  };
  details.open = openCards.has(image.at);
  if (details.open) fill();
  details.addEventListener('toggle', () => { openCards[details.open ? 'add' : 'delete'](image.at); fill(); });
  return details;
}
