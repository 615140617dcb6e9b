// The state of the view, which is in the fragment of the URL.

const SORTS = ['family', 'name', 'worst', 'newest'];
const PERIODS = { '1d': DAY, '7d': 7 * DAY, '30d': 30 * DAY };

const emptyView = () => ({
  q: '', family: '', region: '', account: '', sort: 'family', states: new Set(), since: '', cells: '', open: null,
});

/** `image@region@account`; a name may contain `@`. */
function parsePair(text) {
  const parts = text.split('@');
  if (parts.length < 3) return null;
  const account = parts.pop();
  const region = parts.pop();
  return { name: parts.join('@'), region, account };
}

function decoded(text) {
  try { return decodeURIComponent(text.replace(/\+/g, ' ')); } catch { return text; }
}

/** The view of a fragment; what it does not know is ignored. */
function parseFragment(fragment) {
  const view = emptyView();
  const fields = new Map(fragment.replace(/^#/, '').split('&').filter((part) => part.includes('='))
    .map((part) => [part.slice(0, part.indexOf('=')), decoded(part.slice(part.indexOf('=') + 1))]));
  for (const name of ['q', 'family', 'region', 'account']) view[name] = fields.get(name) ?? '';
  if (SORTS.includes(fields.get('sort'))) view.sort = fields.get('sort');
  view.states = new Set((fields.get('state') ?? '').split(',').filter(known));
  if (fields.get('cells') === 'age') view.cells = 'age';
  const since = fields.get('since') ?? '';
  if (Object.hasOwn(PERIODS, since) || /^\d{1,10}$/.test(since)) view.since = since;
  if (fields.has('open')) view.open = parsePair(fields.get('open'));
  return view;
}

const encoded = (text) => encodeURIComponent(text).replace(/%(40|2C|3A|2F)/g, decodeURIComponent);

function fragmentOf(view) {
  const parts = ['q', 'family', 'region', 'account', 'cells', 'since']
    .filter((name) => view[name]).map((name) => [name, view[name]]);
  if (view.sort !== 'family') parts.push(['sort', view.sort]);
  if (view.states.size) parts.push(['state', [...view.states].join(',')]);
  if (view.open) parts.push(['open', `${view.open.name}@${view.open.region}@${view.open.account}`]);
  return parts.map(([name, value]) => `${name}=${encoded(value)}`).join('&');
}

/** Change the view and show it; `replace` adds no entry to the browser's history. */
function go(changes, { replace = false } = {}) {
  const view = { ...current, ...changes };
  const fragment = fragmentOf(view);
  const url = fragment ? `#${fragment}` : location.pathname + location.search;
  const state = { opened: Boolean(changes.open) };
  try {
    history[replace ? 'replaceState' : 'pushState'](state, '', url);
  } catch {
    location.hash = fragment;
  }
  show(view);
}
