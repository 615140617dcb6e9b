// Releases over the images of a family: siblings with the same release are one group.

let groups = null;

/** All groups, the newest first. */
function allGroups() {
  groups ??= makeGroups();
  return groups;
}

function makeGroups() {
  const found = new Map();
  for (const image of model.images) {
    const seen = new Map();
    [...image.releases].reverse().forEach((release, order) => {
      if (!isMinute(release.at)) return;
      const kind = release.kind === 'rollback' ? 'rollback' : 'release';
      const plain = JSON.stringify([image.family, release.key || image.name, kind, release.exact !== false]);
      const time = (seen.get(plain) ?? 0) + 1;
      seen.set(plain, time);
      const key = `${plain}#${time}`;
      const member = { image, release, place: image.releases.length - 1 - order };
      if (found.has(key)) found.get(key).push(member);
      else found.set(key, [member]);
    });
  }
  return [...found].map(([key, members]) => ({
    key, members,
    at: Math.min(...members.map((each) => each.release.at)),
    exact: members[0].release.exact !== false,
    isRollback: members[0].release.kind === 'rollback',
  })).sort((a, b) => b.at - a.at);
}

/** The groups with the images that are visible; only these are members. */
function visibleGroups(found) {
  const images = new Set(found.images);
  const columns = new Set(found.columns.map((each) => each.at));
  const isMember = ({ image, release }) => images.has(image)
    && image.positions.some((at) => release.lag[at] !== null && columns.has(image.targetAt[at]));
  return allGroups()
    .map((group) => ({ ...group, members: group.members.filter(isMember) }))
    .filter((group) => group.members.length > 0);
}

/** The targets of an image by what they have of a release. */
function spreadOf({ image, release, place }) {
  const spread = { has: [], lagging: [], waiting: [], unknown: [], skipped: [], kept: [] };
  const late = release.state === 'incomplete' && model.now - release.at >= model.limit;
  for (const position of image.positions) {
    const target = model.targets[image.targetAt[position]];
    if (release.lag[position] !== null) spread.has.push({ target, position, lag: release.lag[position] });
    else spread[missingAs(image, position, release, place, late)].push({ target, position });
  }
  spread.has.sort((a, b) => b.lag - a.lag);
  return spread;
}

function missingAs(image, position, release, place, late) {
  const state = image.states[position];
  const later = image.releases.slice(0, place).some((each) => each.lag[position] !== null);
  if (later) return 'skipped';
  if (UNREACHABLE.has(state) || state === 'withdrawn') return 'unknown';
  // A publisher can go back in some regions only, so no other region lags behind a rollback.
  if (release.kind === 'rollback') return 'kept';
  if (release.state !== 'incomplete') return place === 0 ? 'unknown' : 'skipped';
  return late || state === 'lagging' ? 'lagging' : 'waiting';
}

/** The member that took longest, with its spread. */
function slowest(members) {
  const order = ({ spread }) => spread.lagging.length * 1e9 + spread.waiting.length * 1e7 + (spread.has[0]?.lag ?? 0);
  return members.map((member) => ({ ...member, spread: spreadOf(member) }))
    .reduce((best, each) => (order(each) > order(best) ? each : best));
}

const labels = (places) => places.map((each) => each.target.label);

/** The names of images, without repeating what siblings have in common. */
function mergedNames(images) {
  const stems = new Map();
  for (const { name } of images) {
    const end = /^(.+?)(-(?:x86_64|amd64|arm64|aarch64))$/.exec(name);
    const stem = end ? end[1] : name;
    stems.set(stem, [...(stems.get(stem) ?? []), end ? end[2] : '']);
  }
  return [...stems].map(([stem, ends]) => stem + ends.filter(Boolean).join(', '));
}
