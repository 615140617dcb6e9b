// How old the page is, by the clock of the device that shows it.

const MISSED_ROUNDS = 3;
const OLD = DAY;

/**
 * How fresh the page is at a minute: `fresh`, `late` from three missed rounds, `old` from a day,
 * and a sentence.
 */
function freshness(now, made, round) {
  const age = now - made;
  if (age < -5) return ['late', 'The clock of this device is behind the time of this page, so its age is unknown.'];
  const at = minuteOf(round.at);
  const interval = Number(round.interval_minutes) || null;
  const missed = interval === null ? 0 : Math.floor((now - (at ?? made)) / interval);
  const sentence = `This page is ${age < 1 ? 'less than a minute' : longSpan(age)} old.`;
  const rounds = missed >= MISSED_ROUNDS ? ` ${count(missed, 'round')} since the last one in it.` : '';
  if (age >= OLD) return ['old', `${sentence}${rounds} Do not rely on it: make it again.`];
  if (missed >= MISSED_ROUNDS) return ['late', `${sentence}${rounds} It may be outdated.`];
  return ['fresh', sentence];
}

function longSpan(minutes) {
  if (minutes < HOUR) return count(minutes, 'minute');
  if (minutes < 2 * DAY) return count(Math.floor(minutes / HOUR), 'hour');
  return count(Math.floor(minutes / DAY), 'day');
}

function showFreshness() {
  const now = Math.floor(Date.now() / 60000);
  const [level, sentence] = freshness(now, model.now, table(model.data.round));
  const element = byId('freshness');
  if (element.textContent === sentence) return;
  element.className = level;
  element.textContent = sentence;
}

// --- since the last visit

/** Remember this page, and return the time of the page of the last visit; null if unknown. */
function lastVisit() {
  const hub = table(model.data.hub);
  const key = `ami-tracker ${hub.table} ${hub.region} ${hub.account}`;
  try {
    const before = Number(localStorage.getItem(key)) || null;
    if (!before || before < model.now) localStorage.setItem(key, String(model.now));
    return before && before < model.now ? before : null;
  } catch {
    return null; // The browser does not keep anything for this page.
  }
}

function showLastVisit() {
  const before = lastVisit();
  if (before === null) return;
  const changes = allGroups().filter((group) => group.at > before);
  const text = changes.length ? `${count(changes.length, 'change')} since the page of your last visit` : 'Nothing changed since the page of your last visit';
  const see = h('button.link', { type: 'button', onclick: () => { go({ since: String(before) }); jumpTo('timeline'); } }, 'Show them');
  byId('visit').replaceChildren(`${text} (${when(before)} UTC). `, ...(changes.length ? [see] : []));
  byId('visit').hidden = false;
}
