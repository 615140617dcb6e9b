// What changed in the last 60 days: lanes by family, then a table with what changed.

const TIMELINE_DAYS = 60;
const FIRST_CHANGES = 25;
const FIRST_LANES = 14;
let changeLimit = FIRST_CHANGES;
let allLanes = false;

function setUpTimeline() {
  byId('since').addEventListener('change', (event) => go({ since: event.target.value }));
}

/** The first minute of the period of a view. */
function sinceOf(view) {
  if (Object.hasOwn(PERIODS, view.since)) return model.now - PERIODS[view.since];
  return view.since ? Number(view.since) : model.now - TIMELINE_DAYS * DAY;
}

function showTimeline(view, found) {
  const from = sinceOf(view);
  const all = visibleGroups(found).filter((group) => group.exact && group.at > from);
  showSince(view);
  byId('timeline-count').textContent = count(all.length, 'change');
  byId('timeline-none').hidden = all.length > 0;
  byId('changes').hidden = all.length === 0;
  byId('lanes').replaceChildren(...(all.length ? [lanes(all, from)] : []));
  byId('change-rows').replaceChildren(...all.slice(0, changeLimit).map(changeRow));
  showMore('changes-more', all.length - changeLimit, 'change', () => { changeLimit += 50; refresh(); });
}

function showSince(view) {
  const select = byId('since');
  select.querySelector('[data-visit]')?.remove();
  if (view.since && !Object.hasOwn(PERIODS, view.since)) {
    const option = h('option', { 'data-visit': true }, `Since ${when(Number(view.since))}`);
    option.value = view.since;
    select.append(option);
  }
  select.value = view.since;
}

function lanes(all, from) {
  const families = new Map();
  for (const group of all) {
    const name = familyName(group.members[0].image);
    families.set(name, [...(families.get(name) ?? []), group]);
  }
  const place = ([name]) => (model.families.indexOf(name) + 1 || 1e6);
  const shownLanes = [...families].sort((a, b) => place(a) - place(b)).slice(0, allLanes ? families.size : FIRST_LANES);
  const rest = families.size - shownLanes.length;
  const more = rest ? h('button.quiet-button', { type: 'button', onclick: () => { allLanes = true; refresh(); } }, `Show ${count(rest, 'more family', 'more families')}`) : null;
  return h('div', {}, ...shownLanes.map(([name, found]) => lane(name, found, from)), laneAxis(from), more);
}

const LANE = 1000;
const MARGIN = 8;
const laneX = (minute, from) => (LANE * (minute - from)) / Math.max(1, model.now - from);

function lane(name, found, from) {
  const rollbacks = found.filter((group) => group.isRollback);
  const releases = found.filter((group) => !group.isRollback);
  const bars = releases.map((group) => {
    const height = Math.min(16, 6 + 2 * group.members.length);
    return `M${laneX(group.at, from).toFixed(1)} ${10 - height / 2}v${height}`;
  }).join('');
  const label = [releases.length && count(releases.length, 'release'), rollbacks.length && count(rollbacks.length, 'rollback')].filter(Boolean).join(', ');
  const circles = rollbacks.map((group) => `M${(laneX(group.at, from) - 5).toFixed(1)} 4l10 12m0 -12l-10 12`).join('');
  const picture = svg('svg', { class: 'lane', viewBox: `${-MARGIN} 0 ${LANE + 2 * MARGIN} 20`, preserveAspectRatio: 'none', role: 'img', 'aria-label': label },
    svg('path', { class: 'floor', d: `M0 10H${LANE}` }), svg('path', { class: 'release', d: bars }), svg('path', { class: 'rollback', d: circles }));
  return h('div.lane-row', {}, h('span.lane-name', { title: name }, name), picture, h('span.muted.lane-count', { 'aria-hidden': 'true' }, label));
}

function laneAxis(from) {
  const days = (model.now - from) / DAY;
  const step = days > 40 ? 14 : days > 15 ? 7 : days > 3 ? 1 : 0.5;
  const ticks = [];
  for (let minute = model.now; minute > from; minute -= step * DAY) ticks.push(minute);
  const texts = ticks.map((minute) => {
    const text = h('span.tick', {}, step < 1 ? when(minute) : day(minute));
    text.style.left = `${(100 * (laneX(minute, from) + MARGIN)) / (LANE + 2 * MARGIN)}%`;
    return text;
  });
  return h('div.lane-row', { 'aria-hidden': 'true' }, h('span'), h('div.lane-axis', {}, ...texts), h('span.lane-count'));
}

function changeRow(group) {
  const { members } = group;
  const { image, release } = members[0];
  const names = mergedNames(members.map((each) => each.image));
  const target = likelyTarget(image, model.columns);
  const kind = group.isRollback ? h('span.tag.move', {}, 'rollback') : null;
  const regions = new Set(members.flatMap((each) => each.image.positions.filter((at) => each.release.lag[at] !== null).map((at) => model.targets[each.image.targetAt[at]].region)));
  return h('tr', {},
    h('td.time', {}, when(group.at), h('small', {}, ago(group.at))),
    h('td', {}, target ? openButton(image, target, listed(names, 2)) : listed(names, 2), h('small', {}, `${familyName(image)}, ${count(regions.size, 'region')}`)),
    h('td', {}, h('b', {}, release.key), ' ', kind),
    h('td', {}, factList(release, true) ?? h('span.muted', {}, 'no fact changed')),
    h('td', {}, link(release.notes, 'Notes', release.key) ?? h('span.muted', {}, '–')));
}
