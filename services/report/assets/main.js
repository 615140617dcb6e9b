// Starts the page, and shows each view.

let current = emptyView();
let model = null;
let lastFilters = null;
const narrow = matchMedia('(max-width: 760px)');
const isPhone = () => narrow.matches;

/** Show a view: the lists only if the filters changed, then the drawer. */
function show(view) {
  current = view;
  const filters = fragmentOf({ ...view, open: null });
  if (filters !== lastFilters) {
    lastFilters = filters;
    const found = visible(view);
    showFilters(view, found);
    showAttention(view, found);
    showRollouts(view, found);
    showMatrix(view, found);
    showTimeline(view, found);
  }
  showDrawer(view);
}

/** Show the same view again, after something apart from the view has changed. */
function refresh() {
  lastFilters = null;
  show(current);
}

/** Go to a section; the fragment has the view, so it cannot have the section. */
function jumpTo(id) {
  const section = byId(id);
  section.scrollIntoView();
  section.querySelector('h2').focus({ preventScroll: true });
}

function setUpKeys() {
  document.addEventListener('keydown', (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || event.target.matches('input, select, textarea')) return;
    if (document.querySelector('dialog[open]')) return;
    if (event.key === '/') {
      event.preventDefault();
      openFilters();
      byId('f-q').focus();
    } else if (event.key === '?') byId('help').showModal();
  });
  byId('help-open').addEventListener('click', () => byId('help').showModal());
  byId('help-close').addEventListener('click', () => byId('help').close());
  byId('f-q').addEventListener('keydown', (event) => {
    if (event.key === 'Escape' && event.target.value) { event.target.value = ''; go({ q: '' }, { replace: true }); }
  });
}

function openFilters() {
  byId('filters').classList.add('open');
  byId('f-toggle').setAttribute('aria-expanded', 'true');
}

/** The height of the sticky filter bar, which covers what is scrolled to. */
function setUpBar() {
  const measure = () => document.documentElement.style.setProperty('--bar', `${byId('filters').offsetHeight}px`);
  new ResizeObserver(measure).observe(byId('filters'));
}

function setUpLinks() {
  for (const anchor of document.querySelectorAll('a[data-jump]')) {
    anchor.addEventListener('click', (event) => { event.preventDefault(); jumpTo(anchor.dataset.jump); });
  }
}

function start() {
  model = readModel(expand(JSON.parse(byId('data').textContent)));
  for (const setUp of [setUpFilters, setUpAttention, setUpMatrix, setUpTimeline, setUpDrawer, setUpKeys, setUpBar, setUpLinks]) setUp();
  document.body.classList.toggle('empty', model.images.length === 0);
  show(parseFragment(location.hash));
  showFreshness();
  setInterval(showFreshness, 30000);
  showLastVisit();
  addEventListener('popstate', () => show(parseFragment(location.hash)));
  narrow.addEventListener('change', refresh);
  byId('current').remove();
}

/** Without the script the page shows its plain tables: also if the script fails. */
try {
  start();
} catch (error) {
  document.documentElement.className = 'failed';
  console.error(error);
}
