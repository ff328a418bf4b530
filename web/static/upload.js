// A folder or a zip becomes a job: dropped anywhere on the page, or chosen. It is listed and
// checked before a byte is sent, goes in pieces, and goes on after a lost connection.
'use strict';

(() => {
  const zone = document.querySelector('#drop');
  if (!zone) return;

  const API = '/api/v1/uploads';
  const PARALLEL = 4;
  const SMALLEST = 1 << 20;
  const PATIENCE = 30000;
  const MOST_FILES = 10000;
  const JUNK = /^(\.ds_store|thumbs\.db|desktop\.ini|__macosx|\.trashes|\.spotlight-v100|\._.*|~\$.*)$/i;
  const OWN = /^(\.qm|process\.log)(\.\d+)?$/i;

  const make = (tag, values = {}, ...inside) => {
    const element = Object.assign(document.createElement(tag), values);
    element.append(...inside);
    return element;
  };
  const wait = (ms) => new Promise((resolve) => { setTimeout(resolve, ms); });
  const count = (number, word) => `${number.toLocaleString('en')} ${word}${number === 1 ? '' : 's'}`;
  const size = (bytes) => {
    if (bytes < 1000) return count(bytes, 'byte');
    const power = Math.min(4, Math.floor(Math.log10(bytes) / 3));
    const short = bytes / 1000 ** power;
    return `${short.toFixed(short < 10 ? 1 : 0)} ${['', 'kB', 'MB', 'GB', 'TB'][power]}`;
  };
  const span = (seconds) => {
    if (seconds < 60) return `${Math.ceil(seconds)} s`;
    return seconds < 3600 ? `${Math.ceil(seconds / 60)} min` : `${(seconds / 3600).toFixed(1)} h`;
  };
  const few = (names) => names.slice(0, 3).join(', ') + (names.length > 3 ? ` and ${names.length - 3} more` : '');

  // What the server says that is no success, with its sentence.
  class Refused extends Error {
    constructor(answer, text) {
      super(text);
      const offset = answer.headers.get('Upload-Offset');
      this.status = answer.status;
      this.offset = offset === null ? null : Number(offset);
      this.passes = answer.headers.has('Retry-After') || [502, 503, 504].includes(answer.status);
    }
  }
  // The files on this side are not what they were.
  class Unreadable extends Error {}

  const ask = async (path, method, body, signal) => {
    const json = body !== undefined && !(body instanceof ArrayBuffer);
    const type = json ? 'application/json' : 'application/octet-stream';
    const answer = await fetch(API + path, {
      method,
      signal,
      headers: body === undefined ? {} : { 'Content-Type': type },
      body: json ? JSON.stringify(body) : body,
    });
    if (answer.ok) return answer.status === 204 ? {} : answer.json();
    const told = await answer.json().catch(() => ({}));
    const text = answer.status === 401
      ? 'You are logged out. Log in in another tab, then try again.'
      : told.detail || `The server says ${answer.status}.`;
    throw new Refused(answer, text);
  };

  // Of what was dropped or chosen: {name, files: [{path, file}], folders, leftOut} or {name, zip}.
  const job = (name) => ({ name: name.normalize('NFC'), files: [], folders: [], leftOut: new Set() });
  // The part of a path that does not belong to a job: what desktops leave about, and QM's own.
  const strayOf = (path) => {
    const parts = path.split('/');
    const at = OWN.test(parts[0]) ? 0 : parts.findIndex((part) => JUNK.test(part));
    return at < 0 ? null : parts.slice(0, at + 1).join('/');
  };
  const add = (found, path, file) => {
    const stray = strayOf(path);
    if (stray !== null) {
      found.leftOut.add(stray);
      return;
    }
    found.files.push({ path: path.normalize('NFC'), file });
    if (found.files.length > MOST_FILES) {
      throw new Unreadable(`These are more than ${count(MOST_FILES, 'file')}. Pack them, or copy the folder into QM_qJobs.`);
    }
  };
  const isZip = (file) => /\.zip$/i.test(file.name);
  const ofZip = (file) => ({ name: file.name.replace(/\.zip$/i, '').normalize('NFC'), zip: file, leftOut: new Set() });

  const childrenOf = async (folder) => {
    const reader = folder.createReader();
    const all = [];
    for (;;) {
      // It gives some hundred at most, each time.
      const some = await new Promise((resolve, reject) => { reader.readEntries(resolve, reject); });
      if (!some.length) return all;
      all.push(...some);
    }
  };
  const fileOf = (entry) => new Promise((resolve, reject) => { entry.file(resolve, reject); });
  const walk = async (folder, path, found) => {
    const children = await childrenOf(folder);
    if (!children.length && path) found.folders.push(path.normalize('NFC'));
    for (const child of children) {
      const inner = path ? `${path}/${child.name}` : child.name;
      if (strayOf(inner) !== null) found.leftOut.add(inner);
      else if (child.isDirectory) await walk(child, inner, found);
      else add(found, inner, await fileOf(child));
    }
  };
  // Each zip is a job, and other files that come together are one.
  const ofFiles = (files) => {
    const loose = job('job');
    files.filter((file) => !isZip(file)).forEach((file) => add(loose, file.name, file));
    const zips = files.filter(isZip).map(ofZip);
    return loose.files.length ? [...zips, loose] : zips;
  };
  const ofEntries = async (entries) => {
    const jobs = [];
    for (const folder of entries.filter((entry) => entry.isDirectory)) {
      const found = job(folder.name);
      await walk(folder, '', found);
      jobs.push(found);
    }
    const files = await Promise.all(entries.filter((entry) => !entry.isDirectory).map(fileOf));
    return [...jobs, ...ofFiles(files)];
  };
  const ofPicked = (files) => {
    if (!files[0].webkitRelativePath) return ofFiles(files);
    const found = job(files[0].webkitRelativePath.split('/')[0]);
    for (const file of files) add(found, file.webkitRelativePath.split('/').slice(1).join('/'), file);
    return [found];
  };

  const planOf = (found, name) => (found.zip
    ? { name, archive: found.zip.size }
    : { name, files: found.files.map(({ path, file }) => ({ path, size: file.size })), folders: found.folders });

  const textOf = async (file) => {
    const bytes = new Uint8Array(await file.slice(0, 1 << 17).arrayBuffer());
    const wide = { '255,254': 'utf-16le', '254,255': 'utf-16be' }[`${bytes[0]},${bytes[1]}`];
    return new TextDecoder(wide || 'utf-8').decode(bytes);
  };
  const check = async (found, name) => {
    const plan = planOf(found, name);
    const first = await ask('/check', 'POST', plan);
    const info = first.info_file && found.files.find(({ path }) => path === first.info_file);
    return info ? ask('/check', 'POST', { ...plan, text: await textOf(info.file) }) : first;
  };

  // Sends one job; `tell(done, total)` and `lost(true or false)` are called meanwhile.
  class Sending {
    constructor(found, name, tell, lost) {
      this.found = found;
      this.plan = planOf(found, name);
      this.parts = found.zip
        ? [{ address: 'archive', file: found.zip, at: 0 }]
        : found.files.filter(({ file }) => file.size)
          .map(({ path, file }) => ({ address: `files/${path.split('/').map(encodeURIComponent).join('/')}`, path, file, at: 0 }));
      this.total = this.parts.reduce((sum, { file }) => sum + file.size, 0);
      this.tell = tell;
      this.lost = lost;
      this.piece = SMALLEST;
    }

    // Also again, after it failed: it goes on where it was.
    async run() {
      this.abort = new AbortController();
      if (!this.id) {
        const begun = await this.patiently(() => ask('', 'POST', this.plan, this.abort.signal));
        this.id = begun.id;
        this.largest = begun.piece;
      }
      const waiting = this.parts.filter(({ at, file }) => at < file.size);
      const worker = async () => {
        while (waiting.length) await this.send(waiting.shift());
      };
      try {
        await Promise.all(Array.from({ length: PARALLEL }, worker));
      } catch (error) {
        this.abort.abort();
        throw error;
      }
      const made = await this.patiently(() => ask(`/${this.id}/commit`, 'POST', {}, this.abort.signal));
      // The server remembers what became of it for who did not get this answer; we did.
      ask(`/${this.id}`, 'DELETE').catch(() => {});
      return made;
    }

    async send(part) {
      while (part.at < part.file.size) {
        const piece = part.file.slice(part.at, part.at + this.piece);
        const began = Date.now();
        const data = await piece.arrayBuffer().catch(() => {
          throw new Unreadable(`${part.path || part.file.name} cannot be read any more: it was changed or removed.`);
        });
        const address = `/${this.id}/${part.address}?offset=${part.at}`;
        try {
          part.at = (await this.patiently(() => ask(address, 'PUT', data, this.abort.signal))).received;
        } catch (error) {
          // It came, but its answer did not; or another process has less of it.
          if (typeof error.offset !== 'number') throw error;
          part.at = error.offset;
        }
        if (Date.now() - began < 1000) this.piece = Math.min(this.largest, this.piece * 2);
        this.tell(this.parts.reduce((sum, { at }) => sum + at, 0), this.total);
      }
    }

    // As long as the server cannot be reached, or has no time, try again.
    async patiently(act) {
      for (let pause = 500; ; pause = Math.min(pause * 2, PATIENCE)) {
        try {
          const answer = await act();
          this.lost(false);
          return answer;
        } catch (error) {
          const lost = error instanceof TypeError;
          if (!(lost || error.passes) || this.abort.signal.aborted) throw error;
          this.lost(lost);
          await wait(pause);
          if (this.abort.signal.aborted) throw error;
        }
      }
    }

    // Take back what has come of it.
    async cancel() {
      if (this.abort) this.abort.abort();
      const { id } = this;
      this.id = null;
      if (id) await ask(`/${id}`, 'DELETE').catch(() => {});
    }
  }

  // One job on the page, from the list of its files to the link.
  let sending = 0;
  let turn = Promise.resolve();
  class Card {
    constructor(found) {
      this.found = found;
      this.name = make('input', { value: found.name, maxLength: 255, spellcheck: false, autocomplete: 'off' });
      this.name.addEventListener('change', () => this.check());
      this.facts = make('div');
      this.status = make('p', { role: 'status' });
      this.wrong = make('p', { className: 'wrong', role: 'alert', hidden: true });
      this.bar = make('progress', { max: 1, value: 0, hidden: true });
      this.bar.setAttribute('aria-label', `Sending ${found.name}`);
      this.figures = make('p', { className: 'quiet', hidden: true });
      this.go = make('button', { type: 'button', className: 'main', textContent: 'Send', disabled: true });
      this.go.addEventListener('click', () => this.send());
      this.stop = make('button', { type: 'button', textContent: 'Cancel' });
      this.stop.addEventListener('click', () => this.cancel());
      this.element = make('div', { className: 'upload' },
        make('label', {}, 'Name of the job ', this.name), this.facts, this.bar, this.figures,
        this.status, this.wrong, make('p', { className: 'choice' }, this.go, this.stop));
      cards.append(this.element);
      all.add(this);
      this.check();
    }

    async check() {
      this.go.disabled = true;
      showAll();
      this.fail('');
      this.status.textContent = 'Looking at it …';
      const asked = this.asked = {};
      try {
        const said = await check(this.found, this.name.value.trim());
        if (asked === this.asked) this.show(said);
      } catch (error) {
        if (asked !== this.asked) return;
        this.status.textContent = '';
        this.fail(error instanceof TypeError ? 'The server cannot be reached.' : error.message);
      }
    }

    show(said) {
      const { found } = this;
      const { job: wanted, info_file: info } = said;
      const lines = [];
      if (found.zip) {
        lines.push(`${size(found.zip.size)} zip. QM looks into it once it is there.`);
      } else {
        lines.push(`${count(said.files, 'file')}, ${size(said.size)}${info ? `; ${info} found` : ''}`);
      }
      const facts = lines.map((text) => make('p', { textContent: text }));
      if (wanted) {
        facts.push(make('p', {}, 'Script: ', make('code', { textContent: wanted.script }),
          ` on ${count(wanted.nb_proc, 'processor')}`));
      }
      if (found.leftOut.size) {
        facts.push(make('p', { className: 'quiet', textContent: `Left out: ${few([...found.leftOut])}` }));
      }
      for (const note of said.notes || []) facts.push(make('p', { className: 'quiet', textContent: note }));
      if (!found.zip) {
        const names = make('ul');
        for (const { path, file } of found.files.slice(0, 500)) {
          names.append(make('li', { textContent: `${path}, ${size(file.size)}` }));
        }
        if (found.files.length > 500) names.append(make('li', { textContent: `and ${found.files.length - 500} more` }));
        facts.push(make('details', {}, make('summary', { textContent: 'All files' }), names));
      }
      this.facts.replaceChildren(...facts);
      const more = said.more_faults ? [`And ${said.more_faults} more.`] : [];
      const refused = said.refusal ? [`QM would refuse it: ${said.refusal} ${said.hint || ''}`] : [];
      const faults = [...said.faults, ...more, ...refused];
      this.fail(faults.join('\n'));
      this.go.disabled = faults.length > 0;
      this.status.textContent = faults.length ? '' : 'Ready to be sent.';
      this.go.textContent = 'Send';
      showAll();
      if (!faults.length && document.activeElement === document.body) this.go.focus();
    }

    fail(text) {
      this.wrong.textContent = text;
      this.wrong.hidden = !text;
    }

    async send() {
      this.go.disabled = true;
      this.name.disabled = true;
      this.fail('');
      this.status.textContent = 'Waits for the one before …';
      const before = turn;
      let free;
      turn = new Promise((resolve) => { free = resolve; });
      await before;
      if (this.gone) return free();
      this.bar.hidden = this.figures.hidden = false;
      this.status.textContent = 'Sending …';
      this.sending = this.sending || new Sending(this.found, this.name.value.trim(),
        (done, total) => this.tell(done, total), (lost) => this.lost(lost));
      this.since = null;
      sending += 1;
      try {
        this.done(await this.sending.run());
      } catch (error) {
        if (!this.gone) await this.broken(error);
      }
      sending -= 1;
      free();
    }

    tell(done, total) {
      const now = Date.now();
      this.since = this.since || { at: now, done };
      this.bar.value = total ? done / total : 1;
      const rate = (done - this.since.done) / Math.max(1, now - this.since.at) * 1000;
      const left = rate > 0 && now - this.since.at > 2000 ? `, ${size(rate)}/s, ${span((total - done) / rate)} left` : '';
      this.figures.textContent = `${size(done)} of ${size(total)}${left}`;
      if (done === total) this.status.textContent = this.found.zip ? 'All is there; QM unpacks and checks it …' : 'All is there; QM checks it …';
    }

    lost(lost) {
      if (lost === this.isLost) return;
      this.isLost = lost;
      this.since = null;
      this.status.textContent = lost ? 'The connection is lost; it goes on as soon as it is back.' : 'Sending …';
    }

    async broken(error) {
      this.status.textContent = '';
      this.fail(error instanceof TypeError ? 'The server cannot be reached.' : error.message);
      // What cannot become a job does not stay; what is to be tried again does.
      if (error instanceof Unreadable || [404, 413, 422].includes(error.status)) {
        await this.sending.cancel();
        this.sending = null;
        this.name.disabled = false;
        this.bar.hidden = this.figures.hidden = true;
      }
      this.go.textContent = 'Try again';
      this.go.disabled = false;
    }

    done(made) {
      this.sending = null;
      all.delete(this);
      const held = this.element.contains(document.activeElement);
      const link = made.id === null ? null : make('a', { href: `/job/${made.id}`, textContent: `Job ${made.id}, ${made.name}` });
      const words = made.state === 'REJECTED' ? `: refused, ${made.reason || ''}` : ' is in the queue.';
      this.stop.textContent = 'Close';
      this.go.remove();
      this.bar.hidden = this.figures.hidden = true;
      this.facts.replaceChildren(...made.notes.map((note) => make('p', { className: 'quiet', textContent: note })));
      this.name.parentElement.remove();
      this.status.replaceChildren(link || made.name, words);
      if (held) (link || this.stop).focus();
      showAll();
    }

    async cancel() {
      this.gone = true;
      all.delete(this);
      this.stop.disabled = true;
      if (this.sending) {
        this.status.textContent = 'Taking it back …';
        await this.sending.cancel();
      }
      this.element.remove();
      choose.focus();
      showAll();
    }
  }

  const all = new Set();
  const cards = make('div');
  const told = make('p', { className: 'wrong', role: 'alert', hidden: true });
  const sendAll = make('button', { type: 'button', className: 'main', hidden: true });
  const showAll = () => {
    const ready = [...all].filter((card) => !card.sending && !card.go.disabled);
    sendAll.hidden = ready.length < 2;
    sendAll.textContent = `Send all ${ready.length}`;
  };
  const take = async (reading) => {
    told.hidden = true;
    zone.classList.add('over');
    try {
      const jobs = await reading();
      for (const found of jobs) new Card(found);
      if (!jobs.length) throw new Unreadable('There is nothing in it.');
    } catch (error) {
      told.textContent = error instanceof Unreadable ? error.message : `It cannot be read: ${error.message}`;
      told.hidden = false;
    }
    zone.classList.remove('over');
    showAll();
  };

  const choose = make('button', { type: 'button', textContent: 'Choose folder' });
  const may = zone.dataset.may === 'yes';
  const heading = zone.querySelector('h2');
  if (may) {
    const folder = make('input', { type: 'file', hidden: true, webkitdirectory: true, id: 'upload-folder' });
    const zip = make('input', { type: 'file', hidden: true, accept: '.zip,application/zip', id: 'upload-zip' });
    const chooseZip = make('button', { type: 'button', textContent: 'Choose zip' });
    choose.addEventListener('click', () => folder.click());
    chooseZip.addEventListener('click', () => zip.click());
    folder.addEventListener('change', () => {
      const files = [...folder.files];
      folder.value = '';
      if (files.length) take(async () => ofPicked(files));
    });
    zip.addEventListener('change', () => {
      const files = [...zip.files];
      zip.value = '';
      if (files.length) take(async () => files.map(ofZip));
    });
    sendAll.addEventListener('click', () => {
      [...all].filter((card) => !card.sending && !card.go.disabled).forEach((card) => card.send());
      sendAll.hidden = true;
    });
    heading.after(
      make('p', {}, 'Drop a job folder or its zip on this page, or choose it: ', make('span', { className: 'pair' }, choose, ' ', chooseZip)),
      folder, zip, told, cards, make('p', { className: 'choice' }, sendAll));
  } else {
    choose.disabled = true;
    heading.after(make('p', { className: 'quiet' },
      'You look as a viewer: who is an operator can drop a folder here. ', make('a', { href: '/login', textContent: 'Log in' })), told);
  }

  const hasFiles = (event) => event.dataTransfer && [...event.dataTransfer.types].includes('Files');
  let over = 0;
  document.addEventListener('dragover', (event) => {
    if (!hasFiles(event)) return;
    // Else the browser would leave the page for the file.
    event.preventDefault();
    event.dataTransfer.dropEffect = may ? 'copy' : 'none';
    zone.classList.toggle('over', may);
    clearTimeout(over);
    over = setTimeout(() => zone.classList.remove('over'), 300);
  });
  document.addEventListener('drop', (event) => {
    if (!hasFiles(event)) return;
    event.preventDefault();
    if (!may) return;
    // Now or never: after this function, what was dropped is out of reach.
    const items = [...event.dataTransfer.items].filter((item) => item.kind === 'file');
    const entries = items.map((item) => item.webkitGetAsEntry && item.webkitGetAsEntry()).filter(Boolean);
    const files = [...event.dataTransfer.files];
    zone.scrollIntoView({ block: 'nearest' });
    take(async () => (entries.length ? ofEntries(entries) : ofFiles(files)));
  });
  addEventListener('beforeunload', (event) => {
    if (sending) event.preventDefault();
  });
})();
