// The log of a job: followed by byte offset, earlier and later lines by scrolling, a search by the
// server with true counts. Whatever a job prints goes into text nodes only.
'use strict';

(() => {
  const LONGEST = 10000;
  const FLAGS = { 1: 'bold', 2: 'faint', 3: 'italic', 4: 'under', 7: 'inverse', 9: 'strike' };
  const NO_FLAGS = { 22: ['bold', 'faint'], 23: ['italic'], 24: ['under'], 27: ['inverse'], 29: ['strike'] };
  const LEVELS = [0, 95, 135, 175, 215, 255];
  const PALETTE = [
    [0, 0, 0], [205, 0, 0], [0, 205, 0], [205, 205, 0], [0, 0, 238], [205, 0, 205], [0, 205, 205], [229, 229, 229],
    [127, 127, 127], [255, 0, 0], [0, 255, 0], [255, 255, 0], [92, 92, 255], [255, 0, 255], [0, 255, 255], [255, 255, 255],
  ];
  const UNSEEN = /[\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff]/g;
  const TOKEN = /(?<text>[^\x00-\x08\x0a-\x1f\x7f-\x9f]+)|(?<end>\n)|(?<back>\r+)|(?:\x1b\[|\x9b)(?<csi>[0-?]{0,64}[ -/]{0,8}[@-~])|(?<string>\x1b[\]PX^_]|[\x90\x98\x9d-\x9f])|\x1b[ -/]{0,8}[0-~]|(?<other>[\x00-\x1f\x7f-\x9f])/y;
  const UNFINISHED = /(?:\x1b\[|\x9b)[0-?]{0,64}[ -/]{0,8}$|\x1b[ -/]{0,8}$/y;
  const STRING_END = /\x07|\x1b\\|\x9c|(?=\n)/g;

  const nearest = (colour) => {
    const far = PALETTE.map((one) => one.reduce((sum, part, at) => sum + (part - colour[at]) ** 2, 0));
    return far.indexOf(Math.min(...far));
  };
  const of256 = (code) => {
    if (code < 16) return code;
    if (code < 232) {
      const cube = code - 16;
      return nearest([LEVELS[Math.floor(cube / 36)], LEVELS[Math.floor(cube / 6) % 6], LEVELS[cube % 6]]);
    }
    return code < 256 ? nearest(Array(3).fill(8 + 10 * (code - 232))) : null;
  };

  // What web/logview.py does, for what comes while the page is open: text in, spans out.
  class LogView {
    constructor(classes = '') {
      this.fore = null;
      this.back = null;
      this.flags = new Set();
      for (const name of classes.split(' ').filter(Boolean)) {
        if (/^f\d/.test(name)) this.fore = Number(name.slice(1));
        else if (/^b\d/.test(name)) this.back = Number(name.slice(1));
        else this.flags.add(name);
      }
      this.rest = '';
      this.inString = false;
      this.clear();
    }

    get classes() {
      return [
        ...(this.fore === null ? [] : [`f${this.fore}`]),
        ...(this.back === null ? [] : [`b${this.back}`]),
        ...[...this.flags].sort(),
      ].join(' ');
    }

    clear() {
      this.line = [];
      this.length = 0;
      this.cut = 0;
      this.returned = false;
    }

    // The lines that the text completes; what is left of it is kept.
    feed(text) {
      const data = this.rest + text;
      const done = [];
      this.rest = '';
      let at = 0;
      while (at < data.length) {
        if (this.inString) {
          at = this.skip(data, at);
          continue;
        }
        TOKEN.lastIndex = UNFINISHED.lastIndex = at;
        const found = TOKEN.exec(data);
        if (UNFINISHED.test(data) || !found) {
          this.rest = data.slice(at);
          break;
        }
        at += found[0].length;
        this.take(found[0], found.groups, done);
      }
      return merged(done);
    }

    openLine() {
      return merged(this.finished());
    }

    take(whole, { text, end, back, csi, string }, done) {
      if (text !== undefined) {
        this.write(text.replace(UNSEEN, '·'));
      } else if (end !== undefined) {
        done.push(...this.finished(), ['\n', '']);
        this.clear();
      } else if (back !== undefined) {
        this.returned = true;
      } else if (csi !== undefined) {
        this.obey(csi);
      } else if (string !== undefined) {
        this.inString = true;
      }
    }

    write(text) {
      if (this.returned) this.clear();
      // By characters, as Python counts: never half of one.
      const plain = text.length <= LONGEST - this.length;
      const all = plain && !/[\ud800-\udfff]/.test(text) ? null : [...text];
      const count = all ? all.length : text.length;
      const room = LONGEST - this.length;
      const kept = count <= room ? text : all.slice(0, room).join('');
      const length = Math.min(count, room);
      this.cut += count - length;
      this.length += length;
      if (kept) this.line.push([kept, this.classes]);
    }

    obey(sequence) {
      const kind = sequence.slice(-1);
      const parameters = sequence.slice(0, -1);
      if (kind === 'm' && /^[0-9;:]*$/.test(parameters)) this.colour(parameters);
      else if (kind === 'K' && this.returned) this.clear();
    }

    colour(parameters) {
      const codes = parameters.split(/[;:]/).map(Number);
      for (let at = 0; at < codes.length; at += 1) {
        const code = codes[at];
        if (code === 38 || code === 48) {
          const left = codes.slice(at + 1);
          let colour = null;
          let used = left.length;
          if (left.length >= 2 && left[0] === 5) [colour, used] = [of256(left[1]), 2];
          else if (left.length >= 4 && left[0] === 2) [colour, used] = [nearest(left.slice(1, 4)), 4];
          at += used;
          if (colour !== null) this[code === 38 ? 'fore' : 'back'] = colour;
        } else {
          this.one(code);
        }
      }
    }

    one(code) {
      const digit = code % 10;
      if (code === 0) {
        this.fore = this.back = null;
        this.flags.clear();
      } else if (FLAGS[code]) this.flags.add(FLAGS[code]);
      else if (NO_FLAGS[code]) NO_FLAGS[code].forEach((flag) => this.flags.delete(flag));
      else if (code >= 30 && code <= 39) this.fore = digit > 7 ? null : digit;
      else if (code >= 90 && code <= 97) this.fore = digit + 8;
      else if (code >= 40 && code <= 49) this.back = digit > 7 ? null : digit;
      else if (code >= 100 && code <= 107) this.back = digit + 8;
    }

    skip(data, at) {
      STRING_END.lastIndex = at;
      const found = STRING_END.exec(data);
      if (found) {
        this.inString = false;
        return found.index + found[0].length;
      }
      if (data.endsWith('\x1b')) this.rest = '\x1b';
      return data.length;
    }

    finished() {
      if (!this.cut) return this.line;
      return [...this.line, [` … ${this.cut.toLocaleString('en-US')} characters more`, 'cut']];
    }
  }

  const merged = (spans) => {
    const found = [];
    for (const [text, classes] of spans) {
      const last = found[found.length - 1];
      if (last && (classes === last[1] || text === '\n')) last[0] += text;
      else found.push([text, classes]);
    }
    return found;
  };

  const nodes = (spans) => {
    const all = document.createDocumentFragment();
    for (const [text, classes] of spans) {
      if (classes) {
        const span = document.createElement('span');
        span.className = classes;
        span.textContent = text;
        all.append(span);
      } else {
        all.append(text);
      }
    }
    return all;
  };
  const linesIn = (spans) => spans.reduce((sum, [text]) => sum + text.split('\n').length - 1, 0);

  // For the test that compares it with the server's.
  window.QMLogView = LogView;

  const log = document.getElementById('log');
  if (!log) return;
  const $ = (id) => document.getElementById(id);
  const { job, run } = log.dataset;
  const API = `/api/v1/jobs/${job}/log`;
  const STEP = 65536;
  const MOST_LINES = 50000;
  const open = log.querySelector('.open');
  const follow = $('log-follow');
  const top = () => $('top');
  let attempt = top().dataset.attempt;
  let view = new LogView(log.dataset.style);
  let size = Number(log.dataset.size);
  let complete = log.dataset.complete === 'yes';
  let busy = false;
  let again = false;
  let missed = false;
  let stopped = false;
  let live = false;
  let timer = 0;
  // The loaded parts, in order: where each begins and how many lines it has.
  let parts = [...log.querySelectorAll('.part')].map((node) => (
    { node, start: Number(log.dataset.start), lines: node.textContent.split('\n').length - 1 }
  ));
  let end = Number(log.dataset.end);
  const start = () => (parts.length ? parts[0].start : end);
  const isRunning = () => top().dataset.runs === 'yes' && !run;

  const ask = async (query) => {
    const words = new URLSearchParams(run ? { ...query, run } : query);
    const answer = await fetch(`${API}?${words}`, { cache: 'no-store' });
    if (answer.status === 401 || answer.status === 403) stopped = true;
    if (!answer.ok) return null;
    const told = (name) => Number(answer.headers.get(`X-Log-${name}`));
    const piece = { start: told('Start'), end: told('End'), size: told('Size'), text: await answer.text() };
    complete = answer.headers.get('X-Log-Complete') === 'yes';
    size = piece.size;
    $('log-size').textContent = bytes(size);
    return piece;
  };
  const bytes = (count) => {
    const names = ['B', 'KiB', 'MiB', 'GiB', 'TiB'];
    const at = count ? Math.min(4, Math.floor(Math.log2(count) / 10)) : 0;
    return `${(count / 1024 ** at).toFixed(at ? 1 : 0)} ${names[at]}`;
  };
  const note = () => {
    const texts = [];
    if (start() > 0) texts.push(`${bytes(start())} are before these lines: scroll up.`);
    if (fed < size && !isRunning()) texts.push(`${bytes(size - fed)} follow: scroll down, or End.`);
    $('log-note').textContent = texts.join(' ');
  };
  const makePart = (spans, from) => {
    const node = document.createElement('div');
    node.className = 'part';
    node.append(nodes(spans));
    return { node, start: from, lines: linesIn(spans) };
  };
  const atBottom = () => log.scrollHeight - log.scrollTop - log.clientHeight < 24;
  // Where it was scrolled to last, by us or by the person.
  let reached = 0;
  const toBottom = () => {
    log.scrollTop = log.scrollHeight;
    reached = log.scrollTop;
  };
  const count = () => parts.reduce((sum, part) => sum + part.lines, 0);

  // Add what follows. `end` is where the open line begins that is drawn anew each time.
  let fed = complete ? size : end;
  const append = (piece) => {
    const spans = view.feed(piece.text);
    fed = piece.end;
    if (spans.length) {
      const part = makePart(spans, end);
      open.before(part.node);
      parts.push(part);
      const last = piece.text.lastIndexOf('\n');
      end = piece.end - new TextEncoder().encode(piece.text.slice(last + 1)).length;
    }
    open.replaceChildren(nodes(view.openLine()));
    while (parts.length > 1 && count() > MOST_LINES) {
      const height = log.scrollHeight;
      parts.shift().node.remove();
      if (!follow.checked) log.scrollTop -= height - log.scrollHeight;
    }
  };
  const reset = (piece) => {
    parts.forEach((part) => part.node.remove());
    parts = [];
    view = new LogView();
    open.replaceChildren();
    end = fed = piece ? piece.start : 0;
    if (piece) append(piece);
    note();
  };
  const toEnd = async () => {
    const piece = await ask({ tail: STEP });
    if (!piece) return;
    reset(piece);
    toBottom();
  };

  const one = (act) => async (...given) => {
    if (busy || stopped) {
      again = true;
      return;
    }
    busy = true;
    try {
      await act(...given);
    } catch {
      // Not connected just now: the next change, or the timer, tries again.
    }
    busy = false;
    if (again) {
      again = false;
      soon();
    }
    if (missed) edges();
  };

  const later = one(async () => {
    const stick = follow.checked;
    for (let turn = 0; turn < 16; turn += 1) {
      const before = fed;
      const piece = await ask({ from: fed, max: 4 * STEP });
      if (!piece) break;
      if (piece.size < before) {
        // Another log has begun in its place.
        await toEnd();
        break;
      }
      if (follow.checked && piece.size - piece.end > 8 * STEP) {
        // It grows faster than anybody reads: on with its end.
        await toEnd();
        break;
      }
      append(piece);
      if (piece.end === before || piece.end >= piece.size || !stick) break;
    }
    if (stick) toBottom();
    note();
  });

  const earlier = one(async () => {
    const from = start();
    const piece = await ask({ before: from, max: STEP });
    if (!piece || piece.start >= from) return;
    const old = new LogView();
    const spans = merged([...old.feed(piece.text), ...old.openLine()]);
    const part = makePart(spans, piece.start);
    const height = log.scrollHeight;
    log.prepend(part.node);
    parts.unshift(part);
    log.scrollTop += log.scrollHeight - height;
    note();
    // Somebody who holds Home is at the top again before a scroll event could tell.
    setTimeout(edges, 60);
  });

  const soon = () => {
    clearTimeout(timer);
    timer = setTimeout(() => {
      if (document.hidden || stopped) return;
      if (top().dataset.attempt !== attempt && !run) {
        attempt = top().dataset.attempt;
        one(toEnd)();
      } else if (!(complete && fed >= size) && (follow.checked || fed >= size)) {
        later();
      }
      plan();
    }, 200);
  };
  // Without events: every two seconds while it runs.
  const plan = () => {
    clearTimeout(timer);
    if (!live && !stopped && !document.hidden && (isRunning() || !complete)) timer = setTimeout(soon, 1800);
  };

  document.addEventListener('qm:changed', ({ detail }) => {
    const mine = detail.reset || detail.topics.includes(`job:${job}`);
    const figures = detail.jobs && detail.jobs[job];
    if (figures && figures.log < fed) again = true;
    if (mine && !run) soon();
  });
  document.addEventListener('qm:live', ({ detail }) => {
    live = detail.state === 'live';
    if (detail.state === 'signed-out') stopped = true;
    plan();
  });
  document.addEventListener('visibilitychange', () => document.hidden || soon());
  // Another attempt has begun, or this one is over.
  new MutationObserver(soon).observe($('live'), {
    subtree: true, attributes: true, attributeFilter: ['data-attempt', 'data-runs'],
  });

  // The person's own moves.
  let moved = 0;
  let touched = 0;
  let byHand = false;
  for (const kind of ['wheel', 'touchmove', 'pointerdown', 'keydown']) {
    log.addEventListener(kind, () => { touched = Date.now(); }, { passive: true });
  }
  log.addEventListener('scroll', () => {
    // It may go on for long after a finger has left.
    byHand = byHand || Date.now() - touched < 1000;
    clearTimeout(moved);
    moved = setTimeout(() => {
      if (follow.checked && !atBottom()) {
        // Lines that are drawn only now are higher, or lower, than was guessed: only a person who
        // goes up stops it.
        if (log.scrollTop < reached && byHand) follow.checked = false;
        else toBottom();
      }
      reached = log.scrollTop;
      byHand = false;
      edges();
    }, 60);
  }, { passive: true });
  // A turned phone, or another size of the window, is no wish to look back.
  new ResizeObserver(() => { if (follow.checked) toBottom(); }).observe(log);
  const edges = () => {
    // While something else is asked for, it waits.
    missed = busy;
    if (busy) return;
    if (log.scrollTop < 200 && start() > 0) earlier();
    else if (atBottom() && fed < size && !follow.checked) later();
  };
  follow.addEventListener('change', () => {
    if (follow.checked) one(toEnd)();
  });
  $('log-wrap').addEventListener('change', ({ target }) => log.classList.toggle('wrap', target.checked));
  const full = $('log-full');
  const setFull = (on) => {
    $('logbox').classList.toggle('full', on);
    full.setAttribute('aria-pressed', String(on));
    full.textContent = on ? 'Leave full screen' : 'Full screen';
  };
  full.addEventListener('click', () => setFull(!$('logbox').classList.contains('full')));
  $('log-copy').addEventListener('click', async ({ target }) => {
    try {
      await navigator.clipboard.writeText(log.textContent);
      target.textContent = 'Copied';
    } catch {
      // On a plain http page of another machine there is no clipboard.
      getSelection().selectAllChildren(log);
      target.textContent = document.execCommand('copy') ? 'Copied' : 'Selected: Ctrl+C';
    }
    setTimeout(() => { target.textContent = 'Copy'; }, 3000);
  });

  // Find: the server tells all places, the page goes to them.
  const field = $('log-q');
  const told = $('log-count');
  let places = [];
  let total = 0;
  let more = 0;
  let at = -1;
  let sought = '';
  const seek = async (from) => {
    const words = new URLSearchParams({ q: sought, from, limit: 1000, ...(run ? { run } : {}) });
    const answer = await fetch(`${API}/search?${words}`, { cache: 'no-store' });
    if (!answer.ok) return answer.status === 503 ? 'busy: again' : 'no log';
    const found = await answer.json();
    const listed = found.items.map((item) => item.byte);
    places = from ? [...places, ...listed] : listed;
    total = (from ? total : 0) + found.count;
    more = found.more ? found.to : 0;
    return '';
  };
  const go = async (by) => {
    const wanted = field.value;
    if (!wanted) {
      told.textContent = '';
      return;
    }
    if (wanted !== sought) {
      sought = wanted;
      at = by > 0 ? -1 : 0;
      told.textContent = '…';
      const wrong = await seek(0);
      if (wrong) {
        sought = '';
        told.textContent = wrong;
        return;
      }
    }
    if (more && at + by >= places.length) await seek(more);
    if (!places.length) {
      told.textContent = more ? 'none so far' : 'none';
      return;
    }
    at = (at + by + places.length) % places.length;
    told.textContent = `${(at + 1).toLocaleString()} of ${total.toLocaleString()}${more ? '+' : ''}`;
    await show(places[at]);
  };
  const show = async (place) => {
    follow.checked = false;
    const behind = place + new TextEncoder().encode(sought).length;
    const before = await ask({ before: behind, max: STEP / 2 });
    const after = await ask({ from: behind, max: STEP });
    if (!before || !after) return;
    const probe = new LogView();
    const line = linesIn(probe.feed(before.text));
    reset({ start: before.start, end: after.end, text: before.text + after.text });
    mark(line);
  };
  const mark = (line) => {
    const walker = document.createTreeWalker(log, NodeFilter.SHOW_TEXT);
    let seen = 0;
    let first = null;
    while (walker.nextNode() && seen <= line) {
      const node = walker.currentNode;
      const lines = node.data.split('\n');
      let offset = 0;
      for (const [number, text] of lines.entries()) {
        if (seen + number === line) {
          const found = text.lastIndexOf(sought);
          if (found >= 0) {
            wrap(node, offset + found, sought.length);
            return;
          }
          if (text && !first) first = [node, offset, text.length];
        }
        offset += text.length + 1;
      }
      seen += lines.length - 1;
    }
    if (first) wrap(...first);
  };
  const wrap = (node, offset, length) => {
    const found = node.splitText(offset);
    found.splitText(length);
    const box = document.createElement('mark');
    found.replaceWith(box);
    box.append(found);
    box.scrollIntoView({ block: 'center' });
  };
  $('log-find').addEventListener('submit', (event) => {
    event.preventDefault();
    go(1);
  });
  $('log-previous').addEventListener('click', () => go(-1));

  document.addEventListener('keydown', (event) => {
    const { key, target } = event;
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    if (key === 'Escape' && $('logbox').classList.contains('full')) setFull(false);
    if (target.closest('input:not([type=checkbox]), select, textarea, dialog')) return;
    if (key === '/') field.focus();
    else if (key === 'f') follow.click();
    else if (key === 'n' || key === 'N') go(key === 'n' ? 1 : -1);
    else if (key === 'End' && !event.shiftKey) one(toEnd)();
    else return;
    event.preventDefault();
  });

  document.querySelectorAll('.js').forEach((element) => { element.hidden = false; });
  follow.checked = isRunning() || !complete;
  toBottom();
  note();
  plan();
  if (!complete) soon();
})();
