// The rows of what needs attention are in the HTML; the script filters them and adds actions.

function setUpAttention() {
  for (const row of document.querySelectorAll('#causes > tr')) {
    const cause = table(list(model.data.attention)[Number(row.dataset.cause)]);
    addAction(row, cause);
    const command = row.querySelector('code.command');
    if (command) command.replaceWith(copyButton(String(cause.command ?? '')));
  }
}

/** The names open the history of the first image, or filter by the region that has the cause. */
function addAction(row, cause) {
  const names = row.querySelector('.names');
  const image = model.images[cause.link];
  const target = model.targets[list(cause.targets).find((at) => cause.whole_targets || image?.places.has(at))];
  if (!target) return;
  if (!cause.whole_targets) {
    names.replaceWith(openButton(image, target, names.textContent, 'button.link.names'));
    return;
  }
  const filter = () => go({ region: target.region, states: new Set([cause.state].filter(known)) });
  names.replaceWith(h('button.link.names', { type: 'button', onclick: filter }, names.textContent));
}

function showAttention(view, found) {
  const images = new Set(found.images.map((each) => each.at));
  const targets = new Set(found.columns.map((each) => each.at));
  let shownRows = 0;
  const rows = document.querySelectorAll('#causes > tr');
  for (const row of rows) {
    const cause = table(list(model.data.attention)[Number(row.dataset.cause)]);
    row.hidden = !isVisibleCause(cause, view, images, targets);
    if (!row.hidden) shownRows += 1;
  }
  byId('attention-count').textContent = shownRows === rows.length ? String(rows.length) : `${shownRows} of ${rows.length}`;
  const none = byId('attention-none');
  if (none) none.hidden = shownRows > 0;
}

function isVisibleCause(cause, view, images, targets) {
  if (view.states.size && !view.states.has(cause.state)) return false;
  if (list(cause.images).length === 0) {
    const ofRegion = !view.region || list(cause.regions).length === 0 || list(cause.regions).includes(view.region);
    return ofRegion && !view.q && !view.family;
  }
  return cause.images.some((at) => images.has(at)) && list(cause.targets).some((at) => targets.has(at));
}

// --- copying

/** A button that shows a text in full and copies what it shows, never a hidden character. */
function copyButton(raw) {
  const text = shown(raw);
  const parts = text.split(' ').flatMap((part, at) => [at ? ' ' : '', h('span.whole-word', {}, part)]);
  const button = h('button.copy', { type: 'button', title: 'Copy' }, h('code', {}, ...parts));
  button.addEventListener('click', () => copy(text, button));
  return button;
}

async function copy(text, button) {
  let done = true;
  try {
    await navigator.clipboard.writeText(text);
  } catch {
    done = copySelected(button);
  }
  announce(done ? 'Copied' : 'Cannot copy: select the text and copy it');
  button.classList.toggle('copied', done);
  setTimeout(() => button.classList.remove('copied'), 1500);
}

function copySelected(button) {
  getSelection().selectAllChildren(button);
  try { return document.execCommand('copy'); } catch { return false; }
}

/** A short message, also for screen readers. */
function announce(message) {
  const place = document.querySelector('dialog[open] .message') ?? byId('message');
  place.textContent = message;
  setTimeout(() => { if (place.textContent === message) place.textContent = ''; }, 2500);
}
