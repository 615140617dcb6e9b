// The history of an image in a target.

function setUpDrawer() {
  const drawer = byId('history');
  drawer.addEventListener('cancel', (event) => { event.preventDefault(); closeDrawer(); });
  drawer.addEventListener('click', (event) => { if (event.target === drawer) closeDrawer(); });
  byId('history-close').addEventListener('click', closeDrawer);
  byId('history-target').addEventListener('change', (event) => {
    const target = model.targets[Number(event.target.value)];
    go({ open: { ...current.open, region: target.region, account: target.account } }, { replace: true });
  });
}

/** Close the drawer; the entry in the browser's history that opened it is undone. */
function closeDrawer() {
  if (history.state?.opened) history.back();
  else go({ open: null }, { replace: true });
}

let returnFocus = null;

function showDrawer(view) {
  const drawer = byId('history');
  if (!view.open) {
    if (drawer.open) { drawer.close(); restoreFocus(); }
    return;
  }
  const { name, region, account } = view.open;
  const image = model.images.find((each) => each.name === name && trackedIn(each, region, account))
    ?? model.images.find((each) => each.name === name);
  const target = model.targets.find((each) => each.region === region && each.account === account);
  fillDrawer(image, target, view.open);
  if (drawer.open) return;
  returnFocus = document.activeElement;
  drawer.showModal();
  byId('history-title').focus();
}

const trackedIn = (image, region, account) => image.targets.some((at) => model.targets[at].region === region && model.targets[at].account === account);

/** Focus what opened the drawer, or what has replaced it. */
function restoreFocus() {
  if (returnFocus?.isConnected) returnFocus.focus({ preventScroll: true });
  returnFocus = null;
}

function fillDrawer(image, target, open) {
  const pair = image && target ? pairOf(image, target.at) : null;
  byId('history-title').textContent = shown(open.name);
  byId('history-where').textContent = shown([open.region, target?.place, `account ${open.account}`].filter(Boolean).join(', '));
  byId('history-choice').hidden = !image || image.targets.length < 2;
  if (image) fillTargets(image, target);
  const body = byId('history-body');
  body.scrollTop = 0;
  if (!pair) body.replaceChildren(h('p', {}, 'This page has no such image in this region and account. It may have been removed since the link was made.'));
  else body.replaceChildren(...drawerContent(pair).filter(Boolean));
}

function fillTargets(image, target) {
  const select = byId('history-target');
  const options = model.columns.filter(({ at }) => image.places.has(at)).map((each) => {
    const state = image.states[image.places.get(each.at)];
    const option = h('option', {}, state === 'ok' ? each.label : `${each.label}: ${word(state).toLowerCase()}`);
    option.value = each.at;
    return option;
  });
  select.replaceChildren(...options);
  select.value = target ? target.at : '';
}

const sentence = (text) => {
  const plain = shown(text);
  return plain ? `${plain[0].toUpperCase()}${plain.slice(1)}${/[.!?]$/.test(plain) ? '' : '.'}` : '';
};

/** A text with elements for code, which is between backquotes. */
function coded(text) {
  const parts = text.split('`');
  return parts.length % 2 ? parts.map((part, at) => (at % 2 ? h('code', {}, part) : part)) : [text];
}

function drawerContent(pair) {
  const { release } = pair;
  return [
    reason(pair),
    release ? releaseFacts(pair) : h('p', {}, 'No image has been found here yet.'),
    release && factList(release, false) ? h('h3', {}, 'Facts, and what changed with this release') : null,
    release ? factList(release, false) : null,
    h('h3', {}, 'History in this region'), historyList(pair),
    h('h3', {}, 'On the command line'), commands(pair),
  ];
}

function reason(pair) {
  const since = pair.since === null ? '' : ` since ${when(pair.since)} (${span(model.now - pair.since)})`;
  const [why, todo] = pair.advice;
  if (pair.state === 'ok') return h('p.reason.ok', {}, glyph('ok'), h('b', {}, 'Current: '), pair.isNewest ? 'this is the newest release.' : 'nothing is wrong here.');
  return h(`div.reason.${tone(pair.state)}`, {},
    h('p', {}, glyph(pair.state), h('b', {}, `${word(pair.state)}${since}. `), ...coded(sentence(why ?? (known(pair.state) ? STATES[pair.state][2] : '')))),
    todo ? h('p', {}, ...coded(sentence(todo))) : null,
    pair.detail || pair.code ? h('p.answer', {}, h('code', {}, [pair.code, pair.detail].filter(Boolean).join(': '))) : null);
}

function releaseFacts(pair) {
  const { image, release, position } = pair;
  const at = seenAt(release, position);
  const id = idOf(release, position);
  const lag = release.lag[position];
  const after = release.exact === false || !lag ? '' : `, ${span(lag)} after the first region`;
  const rows = [
    ['Release', [h('b', {}, release.key || 'unknown'), ' ', link(release.notes, 'Notes', release.key)]],
    ['Image id', [id ? copyButton(id) : h('span.muted', {}, 'not in this page: see the command below')]],
    ['AMI name', [h('code', {}, release.ami)]],
    ['Current since', [release.exact === false ? `before ${when(at)} (first seen by the tracker)` : `${when(at)} (${span(model.now - at)})${after}`]],
    isMinute(release.src) ? ['Published', [`${when(release.src)} by the publisher`]] : null,
    isMinute(table(image.deprecation)[position]) ? ['Deprecation', [`${when(image.deprecation[position])}${image.deprecation[position] < model.now ? ', passed' : ''}`]] : null,
    ['Looked up by', [h('code', {}, image.source)]],
  ];
  return h('dl.pair', {}, ...rows.filter(Boolean).flatMap(([name, value]) => [h('dt', {}, name), h('dd', {}, ...value.filter(Boolean))]));
}

function historyList({ image, position }) {
  const found = image.releases.filter((release) => release.lag[position] !== null);
  if (!found.length) return h('p.muted', {}, 'No release is known here.');
  return h('ol.history', {}, ...found.map((release, place) => historyEntry(release, position, place === 0)));
}

function historyEntry(release, position, isCurrent) {
  const at = seenAt(release, position);
  const end = release.end[position];
  const length = isCurrent ? `current now, ${span(model.now - at)} so far` : isMinute(end) ? `current for ${span(end - at)}` : 'replaced';
  const kind = kindOf(release, position);
  const id = idOf(release, position);
  return h('li', {},
    h('div.line', {}, h('span', {}, h('b', {}, release.key || 'unknown'), h(`span.tag${kind === 'rollback' ? '.move' : ''}`, {}, kind), link(release.notes, 'Notes', release.key)), h('span.muted', {}, when(at))),
    h('div.muted', {}, kind === 'baseline' ? `first seen by the tracker; ${length}` : length),
    isCurrent || !id ? null : copyButton(id));
}

const quoted = (text) => (/^[\w.@:/+-]+$/.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`);

function commands({ image, target }) {
  const name = quoted(image.name);
  return h('div.commands', {},
    copyButton(`ami-tracker history ${name} --regions ${quoted(target.region)} --account ${quoted(target.account)}`),
    copyButton(`ami-tracker rollout ${name}`),
    copyButton(`ami-tracker lookup ${name} --regions ${quoted(target.region)} --explain`));
}
