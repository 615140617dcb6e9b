// How the newest releases spread over the regions, on a time axis with a square-root scale.

const FIRST_ROLLOUTS = 12;
const MANY_SIBLINGS = 6;
let rolloutLimit = FIRST_ROLLOUTS;
const openRollouts = new Set();

const axisHours = () => Math.max(96, Math.ceil((model.limit / HOUR) * 4 / 3));
const stripWidth = () => (isPhone() ? 330 : 540);
const axisX = (minutes) => 6 + (stripWidth() - 22) * Math.sqrt(Math.min(minutes / HOUR, axisHours()) / axisHours());

/** The marks of the axis: minutes and text. */
function axisTicks() {
  const limit = Math.round(model.limit / HOUR);
  const hours = [0, 1, 6, 24, 48].filter((hour) => hour === 0 || axisX(hour * HOUR) > 44 && Math.abs(axisX(hour * HOUR) - axisX(model.limit)) > 62);
  return [...hours.map((hour) => [hour * HOUR, hour ? `${hour} h` : 'first']), [model.limit, `${limit} h limit`]];
}

function axisHead() {
  const texts = axisTicks().map(([minutes, text]) => {
    const limit = minutes === model.limit;
    const tick = svg('text', { x: axisX(minutes), y: 12, 'text-anchor': minutes ? 'middle' : 'start', class: limit ? 'limit' : '' });
    tick.textContent = text;
    return tick;
  });
  return svg('svg', { class: 'axis', viewBox: `0 0 ${stripWidth()} 16`, 'aria-hidden': 'true' }, ...texts);
}

function showRollouts(view, found) {
  const all = visibleGroups(found).filter((group) => group.exact).map((group) => ({ ...group, slow: slowest(group.members) }));
  const isLate = (group) => (group.slow.spread.lagging.length ? 0 : 1);
  all.sort((a, b) => isLate(a) - isLate(b) || b.at - a.at);
  const late = all.filter((group) => !isLate(group)).length;
  byId('rollouts-count').textContent = all.length ? `${count(all.length, 'release')}${late ? `, ${late} of them lagging` : ''}` : '';
  const regionTarget = view.region ? found.columns.filter((each) => each.region === view.region) : [];
  const rows = all.slice(0, rolloutLimit).map((group) => rolloutRow(group, regionTarget));
  byId('rollout-axis').replaceChildren(axisHead());
  byId('rollout-rows').replaceChildren(...rows);
  byId('rollout-head').hidden = rows.length === 0;
  showEmptyRollouts(all.length);
  showMore('rollouts-more', all.length - rolloutLimit, 'release', () => { rolloutLimit += 25; refresh(); });
}

function showEmptyRollouts(number) {
  const element = byId('rollouts-none');
  element.hidden = number > 0;
  const baselines = model.images.some((image) => image.releases.length > 0);
  if (model.images.length && !baselines) element.textContent = 'No release is known yet.';
  else if (allGroups().some((group) => group.exact)) element.textContent = 'No release of these images and regions.';
  else element.textContent = 'No release since the first round. What was current then is a baseline, whose time of release is unknown; the next release of an image appears here.';
}

function showMore(id, rest, noun, more) {
  const button = byId(id);
  button.hidden = rest <= 0;
  button.textContent = `Show more (${count(Math.max(rest, 0), noun)} left)`;
  button.onclick = more;
}

function rolloutRow(group, regionTargets) {
  const { slow } = group;
  const isOpen = openRollouts.has(group.key);
  const body = h('div.rollout-body', { id: `rollout-${group.slow.image.at}-${group.slow.place}`, hidden: !isOpen });
  const row = h('li.rollout', {}, rolloutHead(group, body, isOpen, regionTargets), body);
  if (isOpen) body.append(...rolloutDetails(group, slow, regionTargets));
  return row;
}

function rolloutHead(group, body, isOpen, regionTargets) {
  const { slow } = group;
  const { image, release, spread } = slow;
  const toggle = h('button.toggle', { type: 'button', 'aria-expanded': String(isOpen), 'aria-controls': body.id }, image.name);
  toggle.addEventListener('click', () => toggleRollout(group, body, toggle, regionTargets));
  const others = group.members.length - 1;
  const total = image.positions.length;
  return h('div.rollout-head', {},
    h('div.what', {}, toggle, h('div', {}, h('span.key', {}, release.key || 'unknown release'),
      group.isRollback ? h('span.tag.move', {}, 'rollback') : null,
      others ? h('span.muted', {}, ` and ${count(others, 'image')} more`) : null)),
    h('div.first', {}, when(release.at), h('small', {}, ago(release.at))),
    h('div.have', {}, progress(spread.has.length, total), `${spread.has.length} of ${total}`),
    strip(slow, regionTargets),
    h('div.words', {}, ...rolloutWords(slow, regionTargets)));
}

function progress(part, all) {
  const done = svg('rect', { width: all ? (40 * part) / all : 0, height: 5, class: 'done' });
  return svg('svg', { class: 'progress', viewBox: '0 0 40 5', 'aria-hidden': 'true' }, svg('rect', { width: 40, height: 5, class: 'all' }), done);
}

function toggleRollout(group, body, toggle, regionTargets) {
  body.hidden = !body.hidden;
  toggle.setAttribute('aria-expanded', String(!body.hidden));
  if (body.hidden) openRollouts.delete(group.key);
  else {
    openRollouts.add(group.key);
    if (!body.childElementCount) body.append(...rolloutDetails(group, group.slow, regionTargets));
  }
}

/** The roll-out in words: what is missing, how long it took, what came after. */
function rolloutWords({ image, release, spread, place }, regionTargets) {
  const lines = regionTargets.filter((target) => image.places.has(target.at)).map((target) => {
    const at = seenAt(release, image.places.get(target.at));
    return h('p.picked', {}, `${target.label}: ${at === null ? 'not there' : `${at > release.at ? `+${span(at - release.at)}` : 'first'}, ${when(at)}`}`);
  });
  if (spread.lagging.length) lines.push(h('p.watch', {}, 'Lagging: ', ...words(labels(spread.lagging))));
  if (spread.waiting.length) lines.push(h('p.move', {}, 'Not yet: ', ...words(labels(spread.waiting))));
  if (!spread.lagging.length && !spread.waiting.length) lines.push(h('p', {}, doneWords(image, release, spread)));
  if (spread.skipped.length) lines.push(h('p.muted', {}, 'Later release only: ', ...words(labels(spread.skipped), 3)));
  if (spread.kept.length) lines.push(h('p.muted', {}, 'Not rolled back: ', ...words(labels(spread.kept), 3)));
  if (spread.unknown.length) lines.push(h('p.muted', {}, 'Unknown: ', ...words(labels(spread.unknown), 3)));
  const next = image.releases[place - 1];
  if (next?.kind === 'rollback') lines.push(h('p.move', {}, `Rolled back ${when(next.at)}`));
  return lines;
}

function doneWords(image, release, spread) {
  if (release.state === 'not_joined') return 'Without a release key: other regions cannot be compared';
  const took = spread.has.length ? span(spread.has[0].lag) : 'an unknown time';
  if (spread.has.length === image.positions.length) return took === '0 min' ? 'Complete at once' : `Complete in ${took}`;
  if (spread.kept.length) return `Rolled back in ${spread.has.length} of ${image.positions.length} regions`;
  if (spread.skipped.length) return `Replaced before it was complete; ${took} to the last region`;
  return `All reachable regions in ${took}`;
}

// --- the strip

const STEP = 6.5;
const STACK = 6;

/** Place marks without overlap: columns of at most six, then to the right. */
function placed(xs) {
  const heights = new Map();
  return xs.sort((a, b) => a - b).map((x) => {
    let column = Math.round(x / STEP);
    while ((heights.get(column) ?? 0) >= STACK) column += 1;
    const height = heights.get(column) ?? 0;
    heights.set(column, height + 1);
    return [column * STEP, height];
  });
}

function marks(points, radius, floor) {
  const round = (value) => Math.round(value * 10) / 10;
  return points.map(([x, height]) => {
    const y = floor - 4 - height * STEP;
    return `M${round(x - radius)} ${round(y)}a${radius} ${radius} 0 1 0 ${2 * radius} 0a${radius} ${radius} 0 1 0 ${-2 * radius} 0`;
  }).join('');
}

/** One mark for each target: filled if it has the release, a ring if not. */
function strip({ image, release, spread }, regionTargets) {
  const picked = new Set(regionTargets.map((target) => target.at));
  const end = axisX(Math.max(0, model.now - release.at));
  const all = [
    ...spread.has.map((each) => [axisX(each.lag), picked.has(each.target.at) ? 'picked' : 'has']),
    ...['lagging', 'waiting', 'unknown'].flatMap((kind) => spread[kind].map((each) => [end, picked.has(each.target.at) ? 'picked ring' : kind])),
  ].sort((a, b) => a[0] - b[0]);
  const points = placed(all.map(([x]) => x));
  const height = 10 + STEP * Math.max(3, 1 + Math.max(0, ...points.map(([, at]) => at)));
  const kinds = new Map();
  all.forEach(([, kind], at) => kinds.set(kind, [...(kinds.get(kind) ?? []), points[at]]));
  const lines = axisTicks().map(([minutes]) => svg('path', { class: minutes === model.limit ? 'limit' : 'grid', d: `M${axisX(minutes)} 0V${height - 1}` }));
  const floor = svg('path', { class: 'floor', d: `M2 ${height - 1}H${end}` });
  const paths = [...kinds].map(([kind, found]) => svg('path', { class: `mark ${kind}`, d: marks(found, 2.7, height) }));
  const name = `${spread.has.length} of ${image.positions.length} targets have it`;
  return svg('svg', { class: 'strip', viewBox: `0 0 ${stripWidth()} ${height}`, role: 'img', 'aria-label': name }, ...lines, floor, ...paths);
}

// --- an opened row

function rolloutDetails(group, member, regionTargets) {
  const { image, release } = member;
  const place = h('div.rollout-targets');
  place.append(...rolloutTargets(member, regionTargets));
  return [
    h('p.ami', {}, h('code', {}, release.ami), ' ', link(release.notes, 'Notes', release.key)),
    factList(release, true), siblings(group, member, place, regionTargets), place,
  ].filter(Boolean);
}

/** The other images with this release: a choice shows the times of that image. */
function siblings(group, member, place, regionTargets) {
  if (group.members.length < 2) return null;
  if (group.members.length > MANY_SIBLINGS) return siblingSelect(group, member, place, regionTargets);
  const buttons = group.members.map((each) => {
    const found = { ...each, spread: spreadOf(each) };
    const text = `${each.image.name} ${found.spread.has.length}/${each.image.positions.length}`;
    const button = h('button.choice', { type: 'button', 'aria-pressed': String(each.image === member.image) }, text);
    button.addEventListener('click', () => {
      for (const other of buttons) other.setAttribute('aria-pressed', String(other === button));
      place.replaceChildren(...rolloutTargets(found, regionTargets));
    });
    return button;
  });
  return h('div.choices', { role: 'group', 'aria-label': 'Images with this release' }, ...buttons);
}

function siblingSelect(group, member, place, regionTargets) {
  const select = h('select', { 'aria-label': 'Image with this release' });
  group.members.forEach((each, at) => {
    const { has, lagging } = spreadOf(each);
    const late = lagging.length ? `, ${lagging.length} lagging` : '';
    const option = h('option', {}, `${each.image.name}: ${has.length} of ${each.image.positions.length}${late}`);
    option.value = at;
    option.selected = each.image === member.image;
    select.append(option);
  });
  select.addEventListener('change', () => {
    const each = group.members[Number(select.value)];
    place.replaceChildren(...rolloutTargets({ ...each, spread: spreadOf(each) }, regionTargets));
  });
  return h('p.choices', {}, select);
}

function rolloutTargets({ image, release, spread }, regionTargets) {
  const picked = new Set(regionTargets.map((target) => target.at));
  const missing = [['lagging', 'watch'], ['waiting', 'move'], ['unknown', 'muted'], ['skipped', 'muted'], ['kept', 'muted']]
    .flatMap(([kind, tone]) => spread[kind].map((each) => missingTarget(image, each, kind, tone)));
  const has = spread.has.map((each) => targetWithRelease(image, release, each, picked.has(each.target.at)));
  const ends = spread.has.length ? `${when(release.at)} to ${when(model.now)}` : '';
  return [
    h('p.muted', {}, `Time after the first region, the slowest first. Each bar is how long the release was current there, ${ends} UTC.`),
    h('ul.targets', {}, ...missing, ...has),
  ];
}

function missingTarget(image, { target }, kind, tone) {
  const pair = pairOf(image, target.at);
  const says = { lagging: 'not yet', waiting: 'not yet', unknown: 'unknown', skipped: 'never', kept: 'not rolled back' }[kind];
  return h(`li.${tone}`, {}, openButton(image, target, target.label), h('span', {}, says), h('span.wide', {}, pair.release ? `has ${pair.release.key}` : ''));
}

function targetWithRelease(image, release, { target, position, lag }, isPicked) {
  const from = release.at + lag;
  const until = release.end[position] ?? model.now;
  const all = Math.max(1, model.now - release.at);
  const part = (minute) => Math.max(0, Math.min(120, (120 * (minute - release.at)) / all));
  const width = Math.max(1, part(until) - part(from));
  const bar = svg('svg', { class: 'bar', viewBox: '0 0 120 6', preserveAspectRatio: 'none', 'aria-hidden': 'true' },
    svg('rect', { class: 'all', width: 120, height: 6 }), svg('rect', { class: 'done', x: part(from), width, height: 6 }));
  return h(isPicked ? 'li.picked' : 'li', {}, openButton(image, target, target.label),
    h('span', {}, lag ? `+${span(lag)}` : 'first'), h('span', {}, when(from)), bar);
}

/** Facts, with what they were before; only those that changed if `changesOnly`. */
function factList(release, changesOnly) {
  const changed = new Map(changesOf(release).map(([name, before, after]) => [name, [before, after]]));
  const names = changesOnly ? [...changed.keys()] : [...new Set([...changed.keys(), ...release.facts.keys()])];
  if (!names.length) return null;
  return h('dl.facts', {}, ...names.flatMap((name) => [h('dt', {}, name), h('dd', {}, ...factValue(name, changed, release))]));
}

function factValue(name, changed, release) {
  if (!changed.has(name)) return [String(release.facts.get(name))];
  const [before, after] = changed.get(name);
  return [
    h('span.vh', {}, 'was '), h('del', {}, before === undefined ? 'unknown' : String(before)), ' → ',
    h('span.vh', {}, 'now '), h('b', {}, after === undefined ? 'absent' : String(after)),
  ];
}
