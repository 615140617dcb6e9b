// The data of the page as services/report/page_data.py describes it, from its shorter form in the
// page: services/report/compact.py.

/** `until` of each release: it ends when the next release of the target begins. */
function setEnds(releases, count) {
  for (const release of releases) release.until = Array(count).fill(null);
  for (let at = 0; at < count; at += 1) {
    const found = releases
      .map((release, place) => ({ release, place, time: release.at + release.lag[at] }))
      .filter(({ release }) => release.lag[at] !== null)
      .sort((a, b) => a.time - b.time || b.place - a.place);
    found.slice(1).forEach(({ time }, place) => {
      const { release } = found[place];
      release.until[at] = time - release.at;
    });
  }
}

function expandRelease([name, ami, at, lags, more = {}], data, count) {
  const [key, short] = data.names[name];
  const text = (place) => data.words[place].join(key);
  const facts = (places) => Object.fromEntries(places.map((place) => data.pairs[place]));
  const given = lags.split(',');
  const release = { key, short, ami: text(ami), kind: 'release', at, exact: true, state: 'complete', ...more };
  release.lag = Array.from({ length: count }, (_, place) => (given[place] ? parseInt(given[place], 36) : null));
  if ('src' in more) release.src = at - more.src;
  if ('notes' in more) release.notes = text(more.notes);
  if ('facts' in more) release.facts = facts(more.facts);
  if ('was' in more) release.was = facts(more.was);
  return release;
}

function expandImage(image, data) {
  const targets = image.targets ?? data.targets.map((_, place) => place);
  const current = image.current ?? targets.map(() => 0);
  const state = Object.fromEntries(Object.entries(image.state).map(([at, cell]) => [at, data.cells[cell]]));
  const releases = image.releases.map((each) => expandRelease(each, data, targets.length));
  const given = releases.map((release) => release.until ?? {});
  setEnds(releases, targets.length);
  given.forEach((ends, place) => {
    for (const [at, end] of Object.entries(ends)) releases[place].until[at] = end;
  });
  return { ...image, targets, current, state, releases };
}

/** The whole data; the lists of what is in it once are left out. */
function expand({ names, words, cells, pairs, ...data }) {
  const lists = { names, words, cells, pairs, targets: data.targets };
  return { ...data, images: data.images.map((image) => expandImage(image, lists)) };
}
