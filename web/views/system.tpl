<h1>System</h1>
% if not manager['exists']:
<div class="down" role="alert"><p><strong>There is no folder {{root}}.</strong></p><p>Make it: <code>qm --folder &quot;{{root}}&quot; init</code></p></div>
% elif not manager['running']:
<div class="down" role="alert"><p><strong>QM is not running.</strong> Nothing new is started. Jobs that run go on; QM collects their ends when it runs again.</p><p>Start it: <code>qm --folder &quot;{{root}}&quot; start</code></p></div>
% end
% if details and found.findings:
<section class="card" aria-labelledby="h-odd">
<h2 id="h-odd">To look at</h2>
<ul class="findings">
% for finding in found.findings:
<li>{{finding.text[:1].upper()}}{{finding.text[1:]}}.\\
% if finding.advice:
 <span class="quiet">{{finding.advice}}</span>\\
% end
</li>
% end
</ul>
</section>
% end
<div class="cards">
<section class="card" aria-labelledby="h-manager">
<h2 id="h-manager">Manager</h2>
<dl class="facts">
% if manager['running']:
<dt>State</dt><dd><span class="state running">runs</span></dd>
<dt>Process</dt><dd>{{manager['holder'] or 'has just started'}}</dd>
% if manager['started']:
<dt>Since</dt><dd title="{{stamp(manager['started'])}}">{{when(manager['started'])}}</dd>
% end
% if manager['obstacle']:
<dt>Nothing is started</dt><dd>{{manager['obstacle']}}</dd>
% end
% else:
<dt>State</dt><dd><span class="state lost">does not run</span></dd>
% end
% if manager['drain']:
<dt>Drain</dt><dd>{{manager['drain']['who']}} has let it start nothing new, since {{when(manager['drain']['since'])}}; <code>qm drain off</code> ends that.</dd>
% else:
<dt>Drain</dt><dd>off</dd>
% end
</dl>
</section>
<section class="card" aria-labelledby="h-use">
<h2 id="h-use">In use</h2>
<table class="use">
<thead><tr><th scope="col">What</th><th scope="col" class="n">Jobs have</th><th scope="col" class="n">of</th><th scope="col">This machine</th></tr></thead>
<tbody>
<tr><th scope="row">Processors</th><td class="n">{{manager['in_use']}}</td><td class="n">{{'–' if manager['processors'] is None else manager['processors']}}</td><td>{{f'{usage.cpu_percent:.0f}'}} % busy\\
% if usage.load is not None:
, load {{f'{usage.load:.2f}'}}\\
% end
\\
% if manager['limits']['processors'] is not None:
; the limit was set by <code>qm limit</code>\\
% end
</td></tr>
<tr><th scope="row">Memory</th><td class="n">{{size(manager['memory_in_use'])}}</td><td class="n">{{size(manager['memory']) or '–'}}</td><td>{{size(usage.memory_used)}} of {{size(usage.memory_total)}}\\
% if manager['limits']['memory'] is not None:
; the limit was set by <code>qm limit</code>\\
% end
</td></tr>
<tr><th scope="row">GPUs</th><td class="n">{{manager['gpus_in_use']}}</td><td class="n">{{'–' if manager['gpus'] is None else manager['gpus']}}</td><td></td></tr>
</tbody>
</table>
</section>
</div>
<section class="card" aria-labelledby="h-folders">
<h2 id="h-folders">Folders</h2>
<table class="folders">
<thead><tr><th scope="col">Folder</th><th scope="col" class="n">Entries</th><th scope="col">Path</th></tr></thead>
<tbody>
% for folder in found.folders:
<tr><th scope="row">{{folder.name}}</th><td class="n">\\
% if folder.entries is None:
<span class="bad">not there</span>\\
% else:
{{folder.entries}}\\
% end
</td><td><code>{{folder.path}}</code></td></tr>
% end
<tr><th scope="row">Trash</th><td class="n">{{found.trash.entries or 0}}</td><td>{{'' if found.trash.whole else 'more than '}}{{size(found.trash.size)}}; <code>qm purge --trash</code> empties it</td></tr>
</tbody>
</table>
<dl class="facts">
% if found.machine.disk_free is not None:
<dt>Disk</dt><dd>{{size(found.machine.disk_free)}} free of {{size(found.machine.disk_total)}}</dd>
% else:
<dt>Disk</dt><dd class="bad">it cannot be read</dd>
% end
<dt>History</dt><dd>{{'nothing has ended yet' if found.history is None else size(found.history)}}</dd>
<dt>Index</dt><dd>{{'there is none yet' if found.index is None else size(found.index)}}</dd>
</dl>
</section>
<section class="card" aria-labelledby="h-warnings">
<h2 id="h-warnings">Last warnings</h2>
% if not details:
<p>QM's log is shown to operators: <a href="/login">log in</a>.</p>
% else:
% if found.warnings:
<table class="warnings">
<thead><tr><th scope="col">When</th><th scope="col">Level</th><th scope="col">What</th></tr></thead>
<tbody>
% for one in found.warnings:
<tr><td>{{one.time}}</td><td class="{{one.level}}">{{one.level}}</td><td>{{one.text}}</td></tr>
% end
</tbody>
</table>
% else:
<p>There are none in QM's log. <code>qm doctor</code> looks closer, also at the records of all jobs.</p>
% end
% if found.failures:
<h3>Notices that did not arrive</h3>
<table class="warnings">
<thead><tr><th scope="col">When</th><th scope="col">Kind</th><th scope="col">Job</th><th scope="col">What</th></tr></thead>
<tbody>
% for one in found.failures:
<tr><td>{{when(one.time)}}</td><td>{{one.kind}}</td><td><a href="{{href('job', one.job)}}">{{one.job}}</a></td><td>{{one.detail}}</td></tr>
% end
</tbody>
</table>
% end
% if manager['log']:
<p class="quiet">The whole log: <code>{{manager['log']}}</code></p>
% end
% end
</section>
<section class="card" aria-labelledby="h-config">
<h2 id="h-config">Configuration</h2>
% if not details:
<p>It is shown to operators: <a href="/login">log in</a>.</p>
% else:
<p>{{'No file was read; every option has its default.' if source is None else f'Read by this page at its start from {source}.'}} Bold is what is not the default.</p>
<details>
<summary>All options</summary>
<table class="options">
<thead><tr><th scope="col">Section</th><th scope="col">Option</th><th scope="col">Value</th><th scope="col">Default</th></tr></thead>
<tbody>
% for row, value in options:
<tr><td>{{row.section}}</td><th scope="row"><abbr title="{{row.help}}">{{row.name}}</abbr></th><td>\\
% if row.changed:
<b>{{value}}</b>\\
% else:
{{value}}\\
% end
</td><td>{{row.default}}</td></tr>
% end
</tbody>
</table>
</details>
% end
</section>
<section class="card" aria-labelledby="h-page">
<h2 id="h-page">This page</h2>
<dl class="facts">
<dt>Process</dt><dd>{{page_process}}</dd>
<dt>Live updates</dt><dd>{{streams.taken}} of {{streams.total}} places taken\\
% if streams.taken >= streams.total:
; <span class="bad">who comes now looks every few seconds instead</span>\\
% end
<br><progress value="{{f'{streams.taken / streams.total:.2f}'}}" aria-label="Places of live updates that are taken"></progress></dd>
</dl>
<p class="quiet">A browser takes one place, however many tabs it has open.</p>
</section>
<section class="card" aria-labelledby="h-versions">
<h2 id="h-versions">Versions</h2>
<dl class="facts versions">
% for name, version in versions:
<div><dt>{{name}}</dt><dd>{{version}}</dd></div>
% end
</dl>
</section>
