// All pages: live parts, questions as dialogs, keys, theme, what was done. Without it, everything
// is still there as pages, links and forms.
'use strict';

(() => {
  const $ = (selector, within = document) => within.querySelector(selector);
  const $$ = (selector, within = document) => [...within.querySelectorAll(selector)];
  const live = $('#live');
  const dialog = $('#dialog');
  const SOON = 50;
  const STEP = 150;
  const SETTLED = 300;
  const IDLE = 20000;

  // Is the person using this, so that nothing in it may move?
  let touched = 0;
  for (const kind of ['pointermove', 'pointerdown', 'keydown', 'wheel', 'scroll']) {
    addEventListener(kind, () => { touched = Date.now(); }, { passive: true });
  }
  const selects = (node) => {
    const selection = getSelection();
    return !selection.isCollapsed && selection.containsNode(node, true);
  };
  const inUse = (list) => {
    const hovered = list.matches(':hover') && matchMedia('(hover: hover)').matches;
    const read = list.closest('#past') && Date.now() - touched < IDLE;
    return hovered || read || selects(list) || list.contains(document.activeElement)
      || $('details[open]', list) !== null;
  };

  // Make `old` look like `fresh`, node by node; what has not changed is not touched.
  const keyOf = (node) => node.nodeType === 1 ? node.dataset.key || node.id : '';
  const patch = (old, fresh, waiting) => {
    if (old.nodeType !== 1) {
      if (old.data !== fresh.data && !selects(old)) old.data = fresh.data;
      return;
    }
    if (old !== live && old.id !== 'past') {
      for (const { name } of [...old.attributes]) {
        const own = name === 'open' || (name === 'hidden' && 'new' in old.dataset);
        if (!own && !fresh.hasAttribute(name)) old.removeAttribute(name);
      }
      for (const { name, value } of [...fresh.attributes]) {
        if (old.getAttribute(name) !== value && !(name === 'hidden' && 'new' in old.dataset)) {
          old.setAttribute(name, value);
        }
      }
    }
    if ('new' in old.dataset) return;
    if ('rows' in old.dataset && !waiting.all && old.dataset.page === fresh.dataset.page
        && inUse(old)) {
      hold(old, fresh, waiting);
    } else {
      reconcile(old, fresh, waiting);
    }
  };
  const reconcile = (old, fresh, waiting) => {
    const wanted = new Set([...fresh.childNodes].map(keyOf));
    const known = new Map();
    for (const node of [...old.childNodes]) {
      const key = keyOf(node);
      if (key && !wanted.has(key)) node.remove();
      else if (key) known.set(key, node);
    }
    let at = old.firstChild;
    for (const node of [...fresh.childNodes]) {
      const key = keyOf(node);
      const same = key ? known.get(key) : at && !keyOf(at) && at.nodeName === node.nodeName && at;
      if (same && same.nodeName === node.nodeName) {
        if (same === at) at = at.nextSibling;
        else old.insertBefore(same, at);
        patch(same, node, waiting);
      } else {
        old.insertBefore(document.adoptNode(node), at);
      }
    }
    while (at) {
      const next = at.nextSibling;
      at.remove();
      at = next;
    }
  };
  // Rows stay where they are: cells change, what has left is dimmed, what is new waits.
  const hold = (old, fresh, waiting) => {
    const rows = new Map([...fresh.children].map((row) => [row.dataset.key, row]));
    for (const row of old.children) {
      const now = rows.get(row.dataset.key);
      row.classList.toggle('gone', !now);
      if (now) patch(row, now, waiting);
      rows.delete(row.dataset.key);
    }
    const button = $('[data-new]', old.closest('#past, section'));
    waiting.held.add(old);
    button.hidden = !rows.size;
    button.textContent = `${rows.size} new`;
  };

  // What is of no use without scripts.
  const reveal = () => $$('[data-copy]').forEach((button) => { button.hidden = false; });

  // Look again.
  let tag = live ? live.dataset.tag || '' : '';
  // When it was asked the last time, and the time before: two changes may come close together.
  let asked = 0;
  let before = 0;
  let timer = 0;
  let pending = false;
  let busy = false;
  let again = false;
  let state = '';
  // What the events said last: they may have come back before anything was missed.
  let told = '';
  let seen = Date.now();
  let latest = null;
  let held = new Set();
  const show = (all) => {
    if (!latest) return;
    const waiting = { all, held: new Set() };
    const fresh = latest.cloneNode(true);
    for (const id of ['live', 'past']) patch($(`#${id}`), $(`#${id}`, fresh), waiting);
    held = waiting.held;
    reveal();
    if (!held.size) $$('[data-new]').forEach((button) => { button.hidden = true; });
    mark();
  };
  const look = async (all = false) => {
    clearTimeout(timer);
    timer = 0;
    pending = false;
    if (!live || document.hidden) return;
    if (busy) {
      again = true;
      return;
    }
    busy = true;
    before = asked;
    asked = Date.now();
    try {
      const answer = await fetch(live.dataset.part + location.search, {
        cache: 'no-store',
        headers: tag && !all ? { 'If-None-Match': tag } : {},
      });
      if (answer.status === 200) {
        tag = answer.headers.get('ETag') || '';
        latest = new DOMParser().parseFromString(await answer.text(), 'text/html');
        show(all);
      }
      if (answer.redirected || answer.status === 401 || answer.status === 403) {
        become('signed-out');
      } else if (answer.ok || answer.status === 304) {
        seen = Date.now();
        if (state === 'offline' || state === 'signed-out') become(told === 'live' ? 'live' : 'polling');
      } else if (answer.status !== 503) {
        become('offline');
      }
    } catch {
      become('offline');
    }
    busy = false;
    if (again) {
      again = false;
      soon();
    } else if (!timer) {
      later();
    }
  };
  const soon = (least = 0) => {
    // A hidden tab looks when it is shown again.
    if (pending || document.hidden) return;
    pending = true;
    clearTimeout(timer);
    const due = Math.max(asked + SOON, before + 2 * STEP);
    timer = setTimeout(look, Math.max(least, due - Date.now()));
  };
  // Figures of running jobs and, without a stream, everything: every Refresh_Rate seconds.
  const later = () => {
    const top = $('#top');
    if (state === 'signed-out' || !top) return;
    if (top.dataset.newer) {
      // Read while much was changing: no event will tell of what is missing.
      timer = setTimeout(look, Math.max(STEP, Number(top.dataset.newer)));
      return;
    }
    if (state === 'live' && top.dataset.state === 'idle') return;
    timer = setTimeout(look, Math.max(2000, 1000 * Number(live.dataset.every)));
  };

  // The tab's title and icon, and how old everything is.
  const icon = $('#icon');
  let drawn = '';
  const mark = () => {
    const top = $('#top');
    document.title = top.dataset.title;
    const wanted = `${top.dataset.state} ${top.dataset.share}`;
    if (wanted === drawn) return;
    drawn = wanted;
    const turn = 81.7;
    const done = turn * Number(top.dataset.share || 0);
    const colour = top.dataset.state === 'down' ? '%23b3261e' : '%230b5cad';
    const ring = top.dataset.state === 'running'
      ? `<circle cx='16' cy='16' r='13' fill='none' stroke='${colour}' stroke-opacity='.3' stroke-width='5'/>`
        + `<circle cx='16' cy='16' r='13' fill='none' stroke='${colour}' stroke-width='5' stroke-dasharray='${done} ${turn}' transform='rotate(-90 16 16)'/>`
      : `<rect width='32' height='32' rx='7' fill='${colour}'/><path d='M8 10h16M8 16h16M8 22h10' stroke='white' stroke-width='3'/>`;
    icon.href = `data:image/svg+xml,<svg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 32 32'>${ring}</svg>`;
  };
  const age = $('#age');
  let clock = 0;
  const become = (next) => {
    state = next;
    document.documentElement.classList.toggle('offline', state === 'offline');
    clearInterval(clock);
    if (state === 'offline') clock = setInterval(tell, 5000);
    tell();
  };
  const tell = () => {
    const old = Math.round((Date.now() - seen) / 1000);
    const since = old < 60 ? `${old} s` : `${Math.round(old / 60)} min`;
    const text = {
      offline: `Not connected; this is ${since} old`,
      'signed-out': 'Logged out: load the page again',
      polling: live ? `Updated every ${live.dataset.every} s` : '',
    }[state] || '';
    age.textContent = text;
    age.hidden = !text;
    $('#cut').hidden = state !== 'offline';
  };
  if (live) {
    // Who begins to listen is told to look, and a moment later what has changed before.
    document.addEventListener('qm:changed', ({ detail }) => soon(detail.reset ? SETTLED : 0));
    document.addEventListener('qm:live', ({ detail }) => {
      told = detail.state;
      if (detail.state !== 'live' || state !== 'live') become(detail.state);
      // With a stream comes what was missed.
      if (detail.state !== 'live') soon();
    });
    document.addEventListener('visibilitychange', () => (document.hidden ? clearTimeout(timer) : look(true)));
    addEventListener('popstate', () => look(true));
    for (const kind of ['pointerout', 'focusout', 'toggle']) {
      document.addEventListener(kind, () => { if (held.size) setTimeout(show, 50); }, true);
    }
    mark();
    later();
  }
  // What was done is told once, not again with each new look at this address.
  if ($('#told')) {
    const words = new URLSearchParams(location.search);
    words.delete('done');
    words.delete('job');
    history.replaceState(null, '', location.pathname + (words.size ? `?${words}` : ''));
  }

  // Filters change the address, and the list without a new page.
  const go = (address) => {
    // A field that is left by Enter has changed and is sent: that is one step, not two.
    if (address !== location.pathname + location.search) history.pushState(null, '', address);
    look(true);
  };
  const filters = $('#filters');
  const search = () => {
    const words = new URLSearchParams(new FormData(filters));
    const kept = new URLSearchParams(location.search);
    for (const name of ['state', 'queue']) words.set(name, kept.get(name) || '');
    for (const [name, value] of [...words]) if (!value) words.delete(name);
    go(`/QM${words.size ? `?${words}` : ''}`);
  };
  const fill = () => {
    const words = new URLSearchParams(location.search);
    for (const name of ['q', 'owner', 'since']) {
      if (filters.elements[name]) filters.elements[name].value = words.get(name) || '';
    }
  };
  if (filters) {
    filters.addEventListener('submit', (event) => {
      event.preventDefault();
      search();
    });
    filters.addEventListener('change', search);
    addEventListener('popstate', fill);
  }

  // What was done, with the way back.
  const toast = $('#toast');
  let undo = '';
  let hushed = 0;
  const say = (text, job = '') => {
    undo = job;
    $('#undo').hidden = !job;
    toast.hidden = false;
    $('#status').textContent = text;
    clearTimeout(hushed);
    hushed = setTimeout(hush, job ? 20000 : 8000);
  };
  const hush = () => {
    if (toast.matches(':hover') || toast.contains(document.activeElement)) {
      hushed = setTimeout(hush, 4000);
    } else {
      toast.hidden = true;
    }
  };
  const send = async (address, fields) => {
    try {
      const answer = await fetch(address, {
        method: 'POST',
        headers: { Accept: 'application/json' },
        body: new URLSearchParams(fields),
      });
      if (answer.headers.get('Content-Type') === 'application/json') return await answer.json();
      return { error: answer.status === 429 ? 'Too many changes in a minute; wait a little' : `The server says ${answer.status}` };
    } catch {
      return { error: 'The page is not connected to QM' };
    }
  };
  $('#hush').addEventListener('click', () => { toast.hidden = true; });
  $('#undo').addEventListener('click', async () => {
    const answer = await send('/do/restore', { job: undo });
    say(answer.said || `${answer.error}. ${answer.hint || ''}`);
    look(true);
  });

  // Questions as dialogs.
  const ask = async (link) => {
    const answer = await fetch(link.href, { cache: 'no-store' }).catch(() => null);
    const page = answer && new DOMParser().parseFromString(await answer.text(), 'text/html');
    const form = page && $('#ask', page);
    const title = page ? $('main h1', page).textContent : 'QM';
    if (!form) {
      const why = page && $('main p', page);
      say(why ? why.textContent : 'The page is not connected to QM');
      return;
    }
    const head = document.createElement('h2');
    head.id = 'dialog-title';
    head.textContent = title;
    dialog.replaceChildren(head, document.adoptNode(form));
    dialog.showModal();
    // Enter, pressed too soon, must not be what ends a job.
    const field = $('input:not([type=hidden])', form) || $('[type=submit]:not(.grave)', form)
      || $('[data-close]', form);
    field.focus();
    if (field.select) field.select();
    form.addEventListener('submit', (event) => {
      event.preventDefault();
      carryOut(form);
    });
  };
  const carryOut = async (form) => {
    const button = $('[type=submit]', form);
    button.disabled = true;
    button.textContent += ' …';
    const answer = await send(form.action, new FormData(form));
    if (answer.error) {
      const told = $('.wrong', form) || form.insertBefore(document.createElement('p'), $('.choice', form));
      told.className = 'wrong';
      told.setAttribute('role', 'alert');
      told.textContent = `${answer.error}. ${answer.hint || ''}`;
      button.disabled = false;
      button.textContent = button.textContent.replace(' …', '');
    } else if (live) {
      dialog.close();
      say(answer.said, answer.undo);
      look(true);
    } else {
      location.href = answer.to;
    }
  };

  document.addEventListener('click', async (event) => {
    if (event.ctrlKey || event.metaKey || event.shiftKey) return;
    const hit = (selector) => event.target.closest(selector);
    $$('.more[open]').forEach((menu) => { if (!menu.contains(event.target)) menu.open = false; });
    if (hit('a[data-ask]')) {
      event.preventDefault();
      if (hit('.more')) hit('.more').open = false;
      ask(hit('a[data-ask]'));
    } else if (hit('[data-close]') && dialog.open) {
      event.preventDefault();
      dialog.close();
    } else if (hit('a[data-go]') && live) {
      event.preventDefault();
      go(hit('a[data-go]').getAttribute('href'));
      if (filters) fill();
      if (hit('.tiles, #paging')) $('#ended').scrollIntoView();
    } else if (hit('[data-new]')) {
      show(true);
    } else if (hit('[data-copy]')) {
      copy($(`#${hit('[data-copy]').dataset.copy}`));
    }
  });
  // On a plain http page of another machine there is no clipboard: then it is selected at least.
  const copy = async (element) => {
    getSelection().selectAllChildren(element);
    try {
      await navigator.clipboard.writeText(element.textContent);
      say('Copied.');
    } catch {
      say(document.execCommand('copy') ? 'Copied.' : 'Selected: copy it with Ctrl+C.');
    }
  };
  reveal();

  // Keys, but not where somebody types.
  const rowOf = (node) => node && node.closest('tr[data-key]');
  const step = (by) => {
    const names = $$('tr[data-key] .name');
    const row = rowOf(document.activeElement);
    const at = row ? names.indexOf($('.name', row)) + by : by > 0 ? 0 : names.length - 1;
    if (names[at]) names[at].focus();
  };
  document.addEventListener('keydown', (event) => {
    const { key, target } = event;
    if (event.ctrlKey || event.metaKey || event.altKey || dialog.open) return;
    if (key === 'Escape') $$('.more[open]').forEach((menu) => { menu.open = false; });
    if (target.closest('input, select, textarea, [contenteditable]')) return;
    const field = $('#q');
    if (key === '/' && field) field.focus();
    else if (key === 'j' || key === 'k') step(key === 'j' ? 1 : -1);
    else if (key === '?') location.href = '/help';
    else {
      const button = rowOf(target) && $(`[data-key-press="${CSS.escape(key)}"]`, rowOf(target));
      const alone = !rowOf(target) && $(`main [data-key-press="${CSS.escape(key)}"]`);
      if (button || (alone && !live)) ask(button || alone);
      else return;
    }
    event.preventDefault();
  });

  // The theme of this browser: as the system has it, light or dark.
  const theme = $('#theme');
  const root = document.documentElement;
  const THEMES = { '': 'auto', light: 'light', dark: 'dark' };
  const name = () => { theme.textContent = `Theme: ${THEMES[root.dataset.theme || '']}`; };
  theme.hidden = false;
  name();
  theme.addEventListener('click', () => {
    const names = Object.keys(THEMES);
    root.dataset.theme = names[(names.indexOf(root.dataset.theme || '') + 1) % names.length];
    document.cookie = `qm_theme=${root.dataset.theme}; path=/; max-age=31536000; SameSite=Strict`;
    name();
  });
})();
