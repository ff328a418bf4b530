// What changes in QM, for all tabs of a browser: as a shared worker it holds the one connection
// that the server is asked for (browsers open no more than six to one host). Where there are
// no shared workers, live.js opens one for each tab.
'use strict';

(() => {
  const EVENTS = '/api/v1/events';
  const SUMMARY = '/api/v1/summary';
  const POLL = 5000;
  const LONGEST_PAUSE = 60000;
  const TRY_STREAM_AGAIN = 30000;
  const PATIENCE = 5000;

  // One connection. `tell` gets {kind: 'change', topics, jobs, reset} and {kind: 'state', state};
  // the states are live, polling, offline and signed-out.
  class Feed {
    constructor(tell) {
      this.tell = tell;
      this.topics = '';
      this.last = '';
      this.etag = '';
      this.state = '';
      this.source = null;
      this.timer = 0;
      this.pause = POLL;
      this.awake = true;
      this.streamAt = 0;
    }

    // Follow these topics from now on; none: be quiet.
    listen(topics) {
      const wanted = [...topics].sort().join(',');
      if (wanted === this.topics && (this.source || this.timer)) return;
      this.topics = wanted;
      if (this.state === 'signed-out') return;
      this.close();
      if (wanted) this.open();
    }

    // While nobody looks, nothing is polled; a stream goes on.
    wake(awake) {
      if (awake === this.awake) return;
      this.awake = awake;
      if (awake && this.topics && !this.source && this.state !== 'signed-out') this.poll();
    }

    // A page was made for somebody: whoever was signed out is no more.
    forgive() {
      if (this.state === 'signed-out') this.state = '';
    }

    close() {
      clearTimeout(this.timer);
      this.timer = 0;
      if (this.source) this.source.close();
      this.source = null;
    }

    open() {
      const query = new URLSearchParams({ topics: this.topics });
      if (this.last) query.set('last', this.last);
      const source = new EventSource(`${EVENTS}?${query}`);
      this.source = source;
      source.addEventListener('open', () => {
        clearTimeout(this.timer);
        this.timer = 0;
        this.pause = POLL;
        this.become('live');
      });
      source.addEventListener('change', (event) => {
        this.last = event.lastEventId;
        const { topics, jobs } = JSON.parse(event.data);
        this.tell({ kind: 'change', topics, jobs, reset: false });
      });
      source.addEventListener('reset', (event) => {
        this.last = event.lastEventId;
        this.changedAll();
      });
      source.addEventListener('error', () => this.failed(source));
    }

    failed(source) {
      if (source !== this.source) return;
      if (source.readyState !== EventSource.CLOSED) {
        // The browser tries again by itself: after 15 minutes, or when the page was restarted.
        if (!this.timer) this.timer = setTimeout(() => this.become('offline'), PATIENCE);
        return;
      }
      this.close();
      this.streamAt = Date.now() + TRY_STREAM_AGAIN;
      this.poll();
    }

    // Without a stream: whether the summary is another one says that something has changed.
    async poll() {
      clearTimeout(this.timer);
      this.timer = 0;
      if (!this.awake || !this.topics) return;
      let answer = null;
      try {
        answer = await fetch(SUMMARY, {
          cache: 'no-store',
          credentials: 'same-origin',
          headers: this.etag ? { 'If-None-Match': this.etag } : {},
        });
      } catch {
        answer = null;
      }
      if (this.source) return;
      if (answer && (answer.status === 401 || answer.status === 403)) {
        // Asking again would only fill logs: a person has to log in.
        this.become('signed-out');
        return;
      }
      if (answer && (answer.status === 200 || answer.status === 304)) {
        this.pause = POLL;
        if (answer.status === 200) {
          this.etag = answer.headers.get('ETag') || '';
          this.changedAll();
        }
        if (Date.now() >= this.streamAt && this.topics) {
          this.streamAt = Date.now() + TRY_STREAM_AGAIN;
          this.open();
          return;
        }
        this.become('polling');
      } else {
        this.pause = Math.min(this.pause * 2, LONGEST_PAUSE);
        this.streamAt = 0;
        this.become('offline');
      }
      if (!this.timer) this.timer = setTimeout(() => this.poll(), this.pause);
    }

    changedAll() {
      this.tell({ kind: 'change', topics: this.topics.split(','), jobs: {}, reset: true });
    }

    become(state) {
      if (state === this.state) return;
      this.state = state;
      this.tell({ kind: 'state', state });
    }
  }

  if (typeof SharedWorkerGlobalScope === 'undefined' || !(self instanceof SharedWorkerGlobalScope)) {
    self.QMFeed = Feed;
    return;
  }

  const tabs = new Map();

  const feed = new Feed((news) => {
    for (const [port, tab] of tabs) {
      if (news.kind !== 'change') {
        port.postMessage(news);
        continue;
      }
      const topics = news.topics.filter((topic) => tab.topics.has(topic));
      if (topics.length) port.postMessage({ ...news, topics });
    }
  });

  const follow = () => {
    const wanted = new Set();
    let awake = false;
    for (const tab of tabs.values()) {
      tab.topics.forEach((topic) => wanted.add(topic));
      awake = awake || tab.visible;
    }
    feed.listen(wanted);
    feed.wake(awake);
  };

  self.addEventListener('connect', (connected) => {
    const port = connected.ports[0];
    port.addEventListener('message', ({ data }) => {
      if (data.kind === 'bye') {
        tabs.delete(port);
      } else if (data.kind === 'listen') {
        const isNew = !tabs.has(port);
        const tab = { topics: new Set(data.topics), visible: data.visible };
        tabs.set(port, tab);
        if (isNew) feed.forgive();
        if (isNew && feed.state) {
          // What has changed since its page was made, nobody has told it.
          port.postMessage({ kind: 'state', state: feed.state });
          port.postMessage({ kind: 'change', topics: data.topics, jobs: {}, reset: true });
        }
      }
      follow();
    });
    port.start();
  });
})();
