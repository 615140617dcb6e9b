// The data of the page, with the meaning of its positions. Nothing here trusts the data: a row that
// cannot be understood is shown as unknown.

/** Of each state: its word, its tone, and what it means. */
const STATES = {
  failing: ['Failing', 'act', 'The last lookup failed'],
  never: ['Never found', 'act', 'The lookup has never found an image in any target'],
  withdrawn: ['Withdrawn', 'act', 'The known image can no longer be launched'],
  stale: ['Stale', 'watch', 'No lookup had a final result in two rounds'],
  unknown: ['Unknown', 'watch', 'No lookup has ended yet'],
  lagging: ['Lagging', 'watch', 'Other regions have had a newer release for longer than the limit'],
  pending: ['Pending', 'watch', 'A release is not announced yet'],
  rolledback: ['Rolled back', 'move', 'The publisher went back to this release in the last 7 days'],
  behind: ['Rolling out', 'move', 'Other regions have a newer release, within the limit'],
  deprecated: ['Deprecated', 'note', 'The deprecation time of the image has passed'],
  ok: ['Current', 'ok', 'The newest release'],
};
/** States in which it is unknown what the target has now. */
const UNREACHABLE = new Set(['failing', 'never', 'stale', 'unknown']);

const list = (value) => (Array.isArray(value) ? value : []);
const table = (value) => (value && typeof value === 'object' ? value : {});
const known = (state) => Object.hasOwn(STATES, state);
const word = (state) => {
  if (known(state)) return STATES[state][0];
  const text = shown(state || 'unknown');
  return text[0].toUpperCase() + text.slice(1);
};
const tone = (state) => (known(state) ? STATES[state][1] : 'watch');
const rankOf = (state) => {
  const rank = Object.keys(STATES).indexOf(state);
  return rank < 0 ? 0 : rank;
};

/** The mark of a state. */
function glyph(state) {
  const use = svg('use', { href: `#g-${known(state) ? state : 'other'}` });
  return svg('svg', { class: 'glyph', viewBox: '0 0 12 12', 'aria-hidden': 'true' }, use);
}

/** Mark and word of a state. */
const pill = (state) => h(`span.pill.${tone(state)}`, {}, glyph(state), word(state));

function readRelease(raw, places) {
  const release = { ...table(raw) };
  release.key = String(release.key ?? '');
  release.short = String(release.short ?? release.key);
  release.lag = places.map((_, at) => (isMinute(list(release.lag)[at]) ? release.lag[at] : null));
  release.end = places.map((_, at) => (isMinute(list(release.until)[at]) ? release.at + release.until[at] : null));
  release.ids = typeof release.ids === 'string' ? release.ids.split(',') : [];
  release.facts = new Map(Object.entries(table(release.facts)));
  release.was = new Map(Object.entries(table(release.was)));
  release.kinds = new Map(Object.entries(table(release.kinds)));
  return release;
}

function readImage(raw, at, data) {
  const image = { ...table(raw), at };
  image.name = String(image.name ?? '');
  image.source = String(image.source ?? '');
  image.family = list(data.families)[image.family] ? image.family : -1;
  const all = list(image.targets);
  const positions = all.map((_, position) => position)
    .filter((position) => list(data.targets)[all[position]]);
  image.targets = positions.map((position) => all[position]);
  image.positions = positions;
  image.targetAt = all;
  image.releases = list(image.releases).map((each) => readRelease(each, all));
  image.places = new Map(positions.map((position) => [all[position], position]));
  image.states = all.map((_, position) => {
    const found = list(table(image.state)[position]);
    return list(data.states)[found[0]] ?? 'ok';
  });
  return image;
}

/** The targets in the order of the columns. */
function orderedTargets(data) {
  const targets = list(data.targets).map((raw, at) => ({
    ...table(raw), at, region: String(table(raw).region ?? ''), account: String(table(raw).account ?? ''),
  }));
  const regions = new Map();
  for (const { region } of targets) regions.set(region, (regions.get(region) ?? 0) + 1);
  for (const each of targets) {
    each.geo = list(data.geographies)[each.geo] === undefined ? -1 : each.geo;
    each.label = regions.get(each.region) > 1 ? `${each.region} …${each.account.slice(-4)}` : each.region;
  }
  return targets;
}

/** The targets in which everything has one cause, with its state. */
function wholeTargets(data, targets) {
  const found = new Map();
  for (const cause of list(data.attention)) {
    if (!cause?.whole_targets) continue;
    for (const at of list(cause.targets)) if (targets[at]) found.set(at, String(cause.state));
  }
  return found;
}

function readModel(data) {
  const targets = orderedTargets(data);
  const made = minuteOf(data.made_at) ?? 0;
  return {
    data,
    now: made,
    limit: (Number(data.lag_hours) || 0) * HOUR,
    targets,
    columns: [...targets].sort((a, b) => (a.geo + 1 || 99) - (b.geo + 1 || 99) || a.at - b.at),
    images: list(data.images).map((each, at) => readImage(each, at, data)),
    families: list(data.families).map((each) => String(table(each).name ?? '')),
    geographies: list(data.geographies).map(String),
    whole: wholeTargets(data, targets),
    accounts: [...new Set(targets.map((each) => each.account))].sort(),
  };
}

const familyName = (image) => model.families[image.family] ?? 'Other images';

/** What is known about an image in a target; null if the image is not tracked there. */
function pairOf(image, target) {
  const position = image.places.get(target);
  if (position === undefined) return null;
  const [, since, code, detail, advice] = list(table(image.state)[position]);
  const state = image.states[position];
  const place = list(image.current)[position];
  return {
    image, target: model.targets[target], position, state, code,
    since: isMinute(since) ? since : null,
    detail: list(model.data.details)[detail],
    advice: list(list(model.data.advice)[advice]),
    release: place === null || place === undefined ? null : image.releases[place] ?? null,
    isNewest: place === 0,
  };
}

/** When a target of an image had a release; null if it did not, or if the time is unknown. */
function seenAt(release, position) {
  const lag = release?.lag[position];
  return lag === null || lag === undefined || !isMinute(release.at) ? null : release.at + lag;
}

const kindOf = (release, position) => release.kinds.get(String(position)) ?? release.kind ?? 'release';

/** The id of the image of a release in a target; null if the page does not have it. */
function idOf(release, position) {
  const id = release.ids[position];
  return id ? `ami-${id}` : null;
}

/** How many of an image's targets have its newest release. */
const haveNewest = (image) => image.positions.filter((at) => list(image.current)[at] === 0).length;

/** The worst state of an image, apart from targets in which everything has the same cause. */
function worstState(image, targets = image.targets) {
  let worst = 'ok';
  for (const target of targets) {
    const state = image.states[image.places.get(target)];
    if (state === undefined || model.whole.get(target) === state) continue;
    if (rankOf(state) < rankOf(worst)) worst = state;
  }
  return worst;
}

/** The facts that changed with a release: name, before, after. */
function changesOf(release) {
  return [...release.was.keys()].map((name) => [name, release.was.get(name), release.facts.get(name)])
    .filter(([, before, after]) => before !== after);
}
