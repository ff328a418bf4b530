// Tells the page what has changed, as events of the document:
//   qm:changed  detail {topics, jobs, reset}   look again at what these topics are about;
//               jobs has figures of running ones by id: {log, fraction, text, left};
//               with reset, changes may have been missed: everything is to be looked at again
//   qm:live     detail {state}                 live, polling, offline or signed-out
// A page names its topics in data-topics of any element: "queue progress manager job:7".
'use strict';

(() => {
  const address = document.documentElement.dataset.worker;
  const topics = new Set();
  for (const element of document.querySelectorAll('[data-topics]')) {
    element.dataset.topics.split(' ').forEach((topic) => topic && topics.add(topic));
  }
  if (!address || !topics.size || typeof EventSource === 'undefined') return;

  const dispatch = (news) => {
    const { kind, ...detail } = news;
    const name = kind === 'change' ? 'qm:changed' : 'qm:live';
    document.dispatchEvent(new CustomEvent(name, { detail }));
  };
  const isVisible = () => document.visibilityState !== 'hidden';

  const share = () => {
    const { port } = new SharedWorker(address, { name: 'qm-events' });
    let gone = false;
    const listen = () => {
      // A page that is left becomes hidden after it has said good-bye.
      if (!gone) port.postMessage({ kind: 'listen', topics: [...topics], visible: isVisible() });
    };
    port.addEventListener('message', ({ data }) => dispatch(data));
    port.start();
    document.addEventListener('visibilitychange', listen);
    addEventListener('pagehide', () => {
      gone = true;
      port.postMessage({ kind: 'bye' });
    });
    addEventListener('pageshow', (event) => {
      gone = false;
      if (event.persisted) listen();
    });
    listen();
  };

  // Each tab for itself: a hidden one lets its connection go, there are only six of them.
  const alone = () => {
    const feed = new self.QMFeed(dispatch);
    const follow = () => feed.listen(isVisible() ? topics : []);
    document.addEventListener('visibilitychange', follow);
    addEventListener('pagehide', () => feed.listen([]));
    addEventListener('pageshow', (event) => event.persisted && follow());
    follow();
  };

  if (typeof SharedWorker === 'undefined') {
    alone();
  } else {
    try {
      share();
    } catch {
      alone();
    }
  }
})();
